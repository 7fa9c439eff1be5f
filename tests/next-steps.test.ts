import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { commandsIn, HOLE, refusalOf, textsIn } from './support/next-steps.ts'

const root = join(import.meta.dirname, '..')

const filesIn = (folder: string, end: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(end))
    .map((name) => join(folder, name))

const read = (file: string) => readFileSync(join(root, file), 'utf8')

/** What a document says to type: lines of its blocks, and what stands between backticks, if it is more than a name. */
function typed(text: string): string[] {
  const blocks = [...text.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].flatMap(([, block]) => block!.split('\n'))
  const rest = text.replaceAll(/^```[\s\S]*?^```$/gm, '')
  const named = [...rest.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!)
  return (
    [...blocks, ...named.filter((code) => !/^hai [a-z-]+( [a-z-]+)*$/.test(code) || !needsMore(code))]
      .filter((line) => /(^|[|&;(] *|\$ |install )hai /.test(line))
      // a row of a table speaks of commands, it does not tell to type them
      .filter((line) => !line.startsWith('|'))
      // the verb that it tells how to add
      .filter((line) => line !== 'hai todo snooze ID')
  )
}

/** A command that is only spoken of, without what it is to work on. */
const needsMore = (code: string): boolean => MENTIONED.includes(code)
const MENTIONED = [
  'hai ask',
  'hai task tail',
  'hai task logs',
  'hai profile use',
  'hai profile add',
  'hai task retry',
  'hai gitops authelia-client',
]

const TEXTS: [where: string, texts: string[]][] = [
  ...['cli', 'worker', 'serve', 'f', 'runner', 'windmill']
    .flatMap((folder) => filesIn(folder, '.ts'))
    .map((file): [string, string[]] => [file, textsIn(read(file))]),
  ...['README.md', ...filesIn('docs', '.md')].map((file): [string, string[]] => [file, typed(read(file))]),
]

it('names only commands that exist, with their options and as many operands as they take', async () => {
  const wrong: string[] = []
  let count = 0
  for (const [where, texts] of TEXTS) {
    for (const line of texts.flatMap(commandsIn)) {
      count += 1
      const refusal = await refusalOf(line)
      if (refusal) wrong.push(`${where}: hai ${line.replaceAll(HOLE, '…')}: ${refusal}`)
    }
  }
  expect(wrong).toEqual([])
  // a reader that finds nothing would find nothing wrong
  expect(count).toBeGreaterThan(150)
})

it.each([
  ['ask "why?" --no-wait', undefined],
  [`task tail ${HOLE}`, undefined],
  ['cost cap raise 5 --today', undefined],
  ['approve X', /unknown command/],
  ['todo done', undefined],
  ['task show', /missing required argument/],
  ['task show A B', /too many arguments/],
  ['task show A --nope', /unknown option/],
  ['model test ollama', undefined],
  ['completion csh', /Allowed choices/],
])('judges hai %s', async (line, refusal) => {
  const said = await refusalOf(line)
  if (refusal) expect(said).toMatch(refusal)
  else expect(said).toBeUndefined()
})

it.each([
  [`to pick it up: hai task tail ${HOLE}`, [`task tail ${HOLE}`]],
  ['hai logs; hai doctor', ['logs', 'doctor']],
  ['hai down && hai up', ['down', 'up']],
  ['hai model ls shows what there is', ['model ls']],
  ['where its login is: hai worker run --backend X', ['worker run --backend X']],
  ['update hai here: git pull', []],
  ['see hai --help', []],
  ['hai cost import claude-code DIR, with the folder', ['cost import claude-code DIR']],
  ['hai approve X', ['approve X']],
])('finds in “%s” %j', (text, lines) => {
  expect(commandsIn(text)).toEqual(lines)
})
