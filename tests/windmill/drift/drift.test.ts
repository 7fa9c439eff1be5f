import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { parse } from 'yaml'
import { drift } from '../../../windmill/drift/drift.ts'
import { stageBundle } from '../../../windmill/stage/stage.ts'
import { bundleFolder } from '../../runner/bundle-folder.ts'
import { StandIn } from '../stand-in.ts'

const CODE = 'export async function main() {\n  return 1\n}\n'
const SCRIPT =
  'summary: one\ndescription: ""\nkind: script\ntag: hai-work\nschema: { type: object, properties: {} }\n'
const SCHEDULE =
  'schedule: 0 * * * * *\ncron_version: v2\ntimezone: Etc/UTC\nscript_path: f/hai/one\nis_flow: false\nargs: {}\nenabled: true\n'
const FLOW = `summary: ask
value:
  modules:
    - id: a
      value: { type: rawscript, language: bun, content: '!inline a.ts', input_transforms: {} }
`
const FILES = {
  'package-lock.json': '{"packages":{}}',
  'f/hai/one.ts': CODE,
  'f/hai/one.script.yaml': SCRIPT,
  'f/hai/one.schedule.yaml': SCHEDULE,
  'f/hai/ask__flow/flow.yaml': FLOW,
  'f/hai/ask__flow/a.ts': CODE,
  'u/operator/own.ts': CODE,
}
const { root } = bundleFolder(FILES)
const { root: staged } = bundleFolder({})
beforeAll(() => stageBundle(root, staged, { onePool: false }))
/** As a deploy pushed it; a server takes the last line break off a lock. */
const text = (file: string) => readFileSync(join(staged, file), 'utf8')
const lock = (file: string) => text(file).trimEnd()

let windmill: StandIn
let lines: string[]

beforeEach(async () => {
  windmill = await new StandIn().start()
  lines = []
  const edited = { edited_by: 'operator', edited_at: '2026-11-22T10:00:00Z' }
  // As a server keeps them: with defaults, nulls and keys of its own, in another order.
  windmill.scripts.set('f/hai/one', {
    ...parse(SCRIPT),
    lock: lock('f/hai/one.script.lock'),
    content: text('f/hai/one.ts'),
    timeout: null,
    dedicated_worker: false,
    hash: '0123456789abcdef',
    created_by: 'hai',
    created_at: '2026-11-22T09:00:00Z',
  })
  windmill.schedules.set('f/hai/one', {
    enabled: true,
    email: 'hai@example.com',
    ...parse(SCHEDULE),
    ...edited,
  })
  const step = {
    content: text('f/hai/ask__flow/a.ts'),
    lock: lock('f/hai/ask__flow/a.lock'),
    language: 'bun',
    type: 'rawscript',
    tag: null,
    input_transforms: {},
  }
  const value = { same_worker: false, modules: [{ value: step, id: 'a', summary: '' }] }
  windmill.flows.set('f/hai/ask', { summary: 'ask', value, schema: null, archived: false, ...edited })
  windmill.scripts.set('u/operator/own', { content: 'not compared' })
})

afterEach(() => windmill.stop())

function run(...flags: string[]): Promise<number> {
  const argv = ['--workspace', 'homelab', '--base-url', windmill.endpoint, '--root', root, ...flags]
  return drift(argv, { WMILL_TOKEN: windmill.token }, (line) => lines.push(line))
}

it('finds none where a server holds the same with defaults of its own', async () => {
  expect(await run()).toBe(0)
  expect(lines).toEqual(['3 items, all as in Git'])
})

it('shows in a table what was changed, is missing and was added there, and by whom', async () => {
  windmill.scripts.set('f/hai/one', { ...windmill.scripts.get('f/hai/one'), content: `${CODE}// hotfix` })
  windmill.scripts.set('f/hai/new', {
    content: CODE,
    created_by: 'operator',
    created_at: '2026-11-21T08:00:00Z',
  })
  windmill.schedules.clear()
  expect(await run()).toBe(1)
  const [title, ...rows] = lines.join('\n').split('\n')
  expect(title).toMatch(/^STATE +KIND +PATH +GIT +LIVE +LAST CHANGED$/)
  expect(rows).toEqual([
    expect.stringMatching(/^extra +script +f\/hai\/new +- +[0-9a-f]{12} +2026-11-21T08:00:00Z operator$/),
    expect.stringMatching(
      /^changed +script +f\/hai\/one +[0-9a-f]{12} +[0-9a-f]{12} +2026-11-22T09:00:00Z hai$/,
    ),
    expect.stringMatching(/^missing +schedule +f\/hai\/one +[0-9a-f]{12} +-$/),
  ])
})

it.each<[string, (windmill: StandIn) => void]>([
  [
    'schedule f/hai/one',
    ({ schedules }) => schedules.set('f/hai/one', { ...schedules.get('f/hai/one'), enabled: false }),
  ],
  [
    'script f/hai/one',
    ({ scripts }) => scripts.set('f/hai/one', { ...scripts.get('f/hai/one'), timeout: 60 }),
  ],
  [
    'script f/hai/one',
    ({ scripts }) => scripts.set('f/hai/one', { ...scripts.get('f/hai/one'), tag: 'other' }),
  ],
  [
    'flow f/hai/ask',
    ({ flows }) => flows.set('f/hai/ask', { ...flows.get('f/hai/ask'), value: { modules: [] } }),
  ],
])('finds a single change of a %s', async (what, change) => {
  change(windmill)
  expect(await run()).toBe(1)
  expect(lines.join('\n').replace(/ +/g, ' ')).toContain(`changed ${what}`)
  expect(lines.join('\n').split('\n')).toHaveLength(2)
})

it('tells hai what it found when it is asked to, and nothing otherwise', async () => {
  const told: unknown[] = []
  windmill.doors['f/hai/admin/drift'] = (report) => told.push(report)
  expect(await run()).toBe(0)
  expect(told).toEqual([])
  expect(await run('--report')).toBe(0)
  windmill.schedules.clear()
  expect(await run('--report')).toBe(1)
  const about = { kind: 'windmill', target: `homelab on ${windmill.endpoint}`, compared: 3 }
  expect(told).toEqual([
    { ...about, differences: 0, examples: [] },
    { ...about, differences: 1, examples: ['missing: schedule f/hai/one'] },
  ])
  expect(lines.at(-1)).toBe('reported to hai')
})

it('says so when the report does not arrive, and ends with another status than drift', async () => {
  expect(await run('--report')).toBe(3)
  expect(lines.join('\n')).toMatch(/all as in Git\ncannot report: .* 404 .*f\/hai\/admin\/drift/)
})

it('takes tags for no drift where the bundle was deployed to one pool', async () => {
  windmill.scripts.set('f/hai/one', { ...windmill.scripts.get('f/hai/one'), tag: undefined })
  expect(await run()).toBe(1)
  expect(await run('--one-pool')).toBe(0)
})

it('tells a server that cannot be asked from one that differs', async () => {
  windmill.token = 'another'
  expect(
    await drift(
      ['--workspace', 'homelab', '--base-url', windmill.endpoint, '--root', root],
      { HAI_TOKEN: 'x' },
      (line) => lines.push(line),
    ),
  ).toBe(3)
  expect(lines.join()).toMatch(/^cannot compare: .* answered 401/)
})
