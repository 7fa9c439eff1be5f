import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { KubeObject } from '../charts/manifest-file.ts'
import { writeTree } from '../repository/write.ts'
import type { Tree } from '../tree.ts'
import type { Problem } from './problem.ts'

/** Nobody's cluster: building is a matter of files. */
const OFFLINE = { ...process.env, KUBECONFIG: '/dev/null' }

/** Whether kubectl is on this machine: what it would say is said by our own checks too. */
export const hasKubectl = (): boolean =>
  spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore', env: OFFLINE }).status === 0

/** Builds every folder as Flux will, and counts what comes out. */
export function kustomized(tree: Tree): Problem[] {
  const out = mkdtempSync(join(tmpdir(), 'hai-kustomize-'))
  try {
    writeTree(out, tree)
    return tree.lists.flatMap(({ folder }) => {
      const built = build(join(out, folder))
      if (typeof built !== 'string') return [{ where: folder, what: built.error }]
      const objects = parseAllDocuments(built).map((document) => document.toJS() as KubeObject)
      const wanted = tree.entries.filter(({ file }) => dirname(file) === folder).length
      if (objects.length === wanted) return []
      return [{ where: folder, what: `kustomize builds ${objects.length} objects and not ${wanted}` }]
    })
  } finally {
    rmSync(out, { recursive: true })
  }
}

function build(folder: string): string | { error: string } {
  try {
    return execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8', stdio: 'pipe', env: OFFLINE })
  } catch (error) {
    return { error: (error as { stderr: string }).stderr.trim() }
  }
}

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
