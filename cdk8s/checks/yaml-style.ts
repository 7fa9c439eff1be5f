import { parseAllDocuments } from 'yaml'
import type { Tree } from '../tree.ts'
import type { Problem } from './problem.ts'

/** What a strict yamllint of the operator's repository asks for, on the text as it is written. */
export function yamlStyle({ files }: Tree): Problem[] {
  return [...files]
    .filter(([file]) => file.endsWith('.yaml'))
    .flatMap(([where, text]) => {
      const problems = [
        ...(text.startsWith('---\n') ? [] : ['does not begin with ---']),
        ...(text.endsWith('\n') && !text.endsWith('\n\n') ? [] : ['does not end with one line feed']),
        ...lines(text),
        ...parseAllDocuments(text, { uniqueKeys: true }).flatMap(({ errors, warnings }) =>
          [...errors, ...warnings].map(({ message }) => message),
        ),
      ]
      return problems.map((what) => ({ where, what }))
    })
}

function lines(text: string): string[] {
  return text.split('\n').flatMap((line, index) => {
    const at = `line ${index + 1}`
    if (/\t/.test(line)) return [`${at} has a tab`]
    if (/[ ]$/.test(line)) return [`${at} ends with a space`]
    if (/^\s*(- )?([\w./-]+: )?'/.test(line)) return [`${at} has single quotes`]
    if (/^\s*(- )?[\w./-]+: (yes|no|on|off|y|n|True|False)$/i.test(line) && !/: (true|false)$/.test(line)) {
      return [`${at} has a word that YAML 1.1 reads as true or false`]
    }
    return []
  })
}
