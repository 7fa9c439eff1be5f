import { beforeAll, beforeEach, expect, it } from 'vitest'
import { deploy } from '../../windmill/deploy.ts'
import { drift } from '../../windmill/drift.ts'
import { generateMetadata } from '../../windmill/metadata.ts'
import { bundleFolder } from '../runner/bundle-folder.ts'
import { StandIn } from './stand-in.ts'

const door = (result: string) => `export async function main() {\n  return ${result}\n}\n`
const WORKER = 'summary: work\ndescription: ""\nkind: script\ntag: hai-work\n'
const FILES = {
  'package-lock.json': '{"packages":{}}',
  'wmill.yaml':
    'defaultTs: bun\nincludes:\n  - f/hai/**\n  - u/operator/**\nincludeSchedules: true\nincludeTriggers: true\nskipSecrets: true\nnonDottedPaths: true\n',
  'c_hai_models.resource-type.yaml': 'schema: {}\ndescription: models\n',
  'f/hai/folder.meta.yaml': 'summary: hai\ndisplay_name: hai\nowners: []\nextra_perms: {}\n',
  'f/hai/inbox.ts': `import { word } from './core/word.ts'\n\n${door('word')}`,
  'f/hai/core/word.ts': "export const word = 'accepted'\n",
  'f/hai/worker/run.ts': door('2'),
  'f/hai/worker/run.script.yaml': WORKER,
  'f/hai/worker/run.schedule.yaml':
    'schedule: 0 * * * * *\ncron_version: v2\ntimezone: Etc/UTC\nscript_path: f/hai/worker/run\nis_flow: false\nargs: {}\nenabled: true\nsummary: work\n',
  'f/hai/admin/migrate.ts': door("({ version: 1, applied: ['first'] })"),
}

let root: string
let windmill: StandIn
let lines: string[]

beforeAll(async () => {
  root = bundleFolder(FILES).root
  await generateMetadata(root)
})

beforeEach(async () => {
  windmill = await new StandIn().start()
  windmill.doors = {
    'f/hai/admin/migrate': () => ({ version: 1, applied: ['first'] }),
    'f/hai/worker/sweep': () => ({}),
    'f/hai/inbox': () => ({ task_id: '01JD0000000000000000000000' }),
    'f/hai/task/result': () => ({ state: 'done', output: 'nothing is open' }),
    'f/hai/admin/health': () => ({ problems: [] }),
  }
  lines = []
  return () => windmill.stop()
})

async function run(...flags: string[]): Promise<number> {
  const argv = ['--workspace', 'homelab', '--base-url', windmill.endpoint, '--root', root, ...flags]
  return deploy(argv, { WMILL_TOKEN: windmill.token }, (line) => lines.push(line))
}

const steps = () =>
  windmill.changes.map((change) => change.replace(/^(create|update) script .*/, '$1 scripts'))

it('migrates, pushes what is new, puts a task through, and finds nothing left to do the next time', async () => {
  expect(await run()).toBe(0)
  expect([...new Set(steps())]).toEqual([
    'run f/hai/admin/migrate',
    'create resources/type c_hai_models',
    'create scripts',
    'create schedules f/hai/worker/run',
    'run f/hai/worker/sweep',
    'run f/hai/inbox',
    'run f/hai/task/result',
    'run f/hai/admin/health',
  ])
  expect(windmill.scripts.get('f/hai/inbox')).toMatchObject({
    language: 'bun',
    lock: expect.stringContaining('//bun.lock'),
  })
  expect(lines.at(-1)).toBe('deployed')

  windmill.changes = []
  expect(await run()).toBe(0)
  expect(lines).toContain('the server has this bundle already')
  expect(steps().filter((step) => !step.startsWith('run '))).toEqual([])
  const argv = ['--workspace', 'homelab', '--base-url', windmill.endpoint, '--root', root]
  expect(await drift(argv, { WMILL_TOKEN: windmill.token }, () => {})).toBe(0)
})

it('updates what changed, and removes what is gone only when a task has come back', async () => {
  await run()
  windmill.scripts.set('f/hai/old', { ...windmill.scripts.get('f/hai/inbox'), path: 'f/hai/old' })
  windmill.scripts.set('f/hai/inbox', { ...windmill.scripts.get('f/hai/inbox'), content: door('0') })
  windmill.schedules.set('f/hai/old', { ...windmill.schedules.get('f/hai/worker/run') })
  windmill.changes = []
  lines = []
  expect(await run('--keep')).toBe(0)
  expect(lines.join('\n')).not.toContain('deleted')
  expect(windmill.scripts.get('f/hai/inbox')?.content).toContain('word')
  expect(windmill.changes.filter((change) => change.startsWith('remove'))).toEqual([])
  windmill.changes = []
  expect(await run()).toBe(0)
  expect(lines).toContain('  deleted  f/hai/old.schedule.yaml')
  expect(windmill.changes).toContain('remove schedules f/hai/old')
  expect(windmill.changes.indexOf('remove script f/hai/old')).toBeGreaterThan(
    windmill.changes.indexOf('run f/hai/task/result'),
  )
})

it('takes from doors the rights of somebody else than who calls, which drift tells', async () => {
  const argv = ['--workspace', 'homelab', '--base-url', windmill.endpoint, '--root', root]
  await run()
  for (const script of windmill.scripts.values()) script.on_behalf_of_email = 'admin@example.com'
  const told: string[] = []
  expect(await drift(argv, { WMILL_TOKEN: windmill.token }, (line) => told.push(line))).toBe(1)
  expect(told.join('\n')).toMatch(/changed +script +f\/hai\/inbox/)
  expect(await run()).toBe(0)
  const behalf = [...windmill.scripts.values()].map(({ on_behalf_of_email: email }) => email ?? null)
  expect(behalf).toEqual(behalf.map(() => null))
})

it('names what of the folder is a secret that a text could name, and leaves it', async () => {
  windmill.variables.set('f/hai/password', { is_secret: true })
  windmill.variables.set('f/hai/greeting', { is_secret: false })
  windmill.variables.set('u/operator/key', { is_secret: true })
  windmill.resources.set('f/hai/database', { resource_type: 'postgresql', value: { host: 'his-own' } })
  windmill.resources.set('f/hai/models', { resource_type: 'c_hai_models', value: {} })
  expect(await run('--dry-run')).toBe(0)
  const notes = lines.filter((line) => line.startsWith('note: f/hai/'))
  expect(notes).toEqual([expect.stringMatching(/^note: f\/hai\/password, f\/hai\/database: .*delete them/)])
  expect(windmill.changes).toEqual([])
})

it("leaves what is the operator's as it is", async () => {
  windmill.folders.set('hai', { owners: ['u/operator'], extra_perms: { 'g/all': false } })
  windmill.scripts.set('f/other/script', { content: door('1'), kind: 'script' })
  windmill.resourceTypes.set('c_other', { schema: {}, description: 'not of hai' })
  windmill.resources.set('u/operator/hai_models', { resource_type: 'c_hai_models', value: { a: 1 } })
  expect(await run()).toBe(0)
  expect(windmill.folders.get('hai')?.owners).toEqual(['u/operator'])
  expect(windmill.resources.get('u/operator/hai_models')?.value).toEqual({ a: 1 })
  expect(windmill.changes.filter((change) => /other|operator/.test(change))).toEqual([])
})

it('shows the plan of a dry run and changes nothing', async () => {
  expect(await run('--dry-run')).toBe(0)
  expect(lines.filter((line) => line.includes('f/hai/inbox'))).toEqual(['  added    f/hai/inbox'])
  expect(windmill.changes).toEqual([])
})

it('stops before anything is pushed when no live worker serves a tag, unless there is one pool', async () => {
  windmill.tags = new Set(['bun', 'gpu'])
  expect(await run()).toBe(1)
  expect(lines.at(-1)).toMatch(/no live worker serves the tag hai-work \(f\/hai\/worker\/run\).*--one-pool/)
  expect(windmill.changes).toEqual([])
  expect(await run('--one-pool')).toBe(0)
  expect(lines.join('\n')).toMatch(/--one-pool: .*the inbox too/s)
  expect(windmill.scripts.get('f/hai/worker/run')?.tag).toBeUndefined()
  windmill.tags.clear()
  expect(await run('--one-pool', '--dry-run')).toBe(1)
  windmill.tagsPerWorkspace = true
  expect(await run('--one-pool', '--dry-run')).toBe(0)
})

it.each<[string, (windmill: StandIn) => void, RegExp]>([
  [
    'a server that is too old',
    (it) => {
      it.version = 'CE v1.698.2'
    },
    /hai needs 1\.699 or newer/,
  ],
  [
    'something that is no Windmill',
    (it) => {
      it.version = '<html>'
    },
    /is no Windmill/,
  ],
  [
    'a token that is not known',
    (it) => {
      it.token = 'another'
    },
    /answered 401/,
  ],
])('stops at %s before anything is changed', async (_, spoil, message) => {
  const { token } = windmill
  spoil(windmill)
  const argv = ['--workspace', 'homelab', '--base-url', windmill.endpoint, '--root', root]
  expect(await deploy(argv, { HAI_TOKEN: token }, (line) => lines.push(line))).toBe(1)
  expect(lines.at(-1)).toMatch(message)
  expect(lines.join()).not.toContain(token)
  expect(windmill.changes).toEqual([])
})

it('says of a skew between server and CLI that it is one, and goes on', async () => {
  windmill.version = 'CE v1.790.1'
  expect(await run('--dry-run')).toBe(0)
  expect(lines.join('\n')).toMatch(/note: the server is CE v1\.790\.1, the pinned wmill 1\.819\.0/)
  expect(lines.join('\n')).not.toContain('anybody at the HTTP routes')
})

it('says of a server that takes a label for a user that it does', async () => {
  windmill.version = 'CE v1.775.9'
  expect(await run('--dry-run')).toBe(0)
  expect(lines.join('\n')).toMatch(
    /note: the server is older than 1\.776: whoever has a token can be anybody/,
  )
})

it('refuses a bundle whose metadata is stale before it asks the server anything', async () => {
  const { root: stale } = bundleFolder(FILES)
  const argv = ['--workspace', 'homelab', '--base-url', 'http://127.0.0.1:9', '--root', stale]
  expect(await deploy(argv, { HAI_TOKEN: 'x' }, (line) => lines.push(line))).toBe(1)
  expect(lines.at(-1)).toMatch(/not fit to be pushed\n.*run npm run metadata/s)
})

it('stops when the workers do not know the database, with what to set and nothing pushed', async () => {
  windmill.doors['f/hai/admin/migrate'] = () => {
    throw new Error('HAI_DATABASE_URL is not set here: set it for the worker group default')
  }
  expect(await run()).toBe(1)
  expect(lines.at(-1)).toMatch(/migrate failed: HAI_DATABASE_URL is not set here: .*group default/)
  expect(windmill.scripts.size).toBe(0)
})

it('stops when the migration fails, with nothing pushed', async () => {
  windmill.doors['f/hai/admin/migrate'] = () => {
    throw new Error('permission denied for schema hai')
  }
  expect(await run()).toBe(1)
  expect(lines.at(-1)).toMatch(
    /f\/hai\/admin\/migrate failed: permission denied for schema hai; look at http/,
  )
  expect(windmill.scripts.size).toBe(0)
})

it('says what became of a task that does not come back', async () => {
  windmill.doors['f/hai/task/result'] = () => ({
    state: 'dead',
    error: { message: 'no route', next_step: 'add one' },
  })
  expect(await run()).toBe(1)
  expect(lines.at(-1)).toMatch(
    /^stopped: task 01JD0000000000000000000000 is dead: no route; add one; .* safe to run this again$/,
  )
})

it.each([
  [['--base-url', 'https://x'], /--workspace is missing/],
  [['--workspace', 'w'], /--base-url is missing/],
  [['--workspace', 'w', '--base-url', 'windmill'], /expected an address/],
  [['--workspace', 'w', '--base-url', 'https://x', '--token', 'secret'], /Unknown option '--token'/],
  [['--workspace', 'w', '--base-url', 'https://x', '--token-file', '/nowhere'], /--token-file: ENOENT/],
  [['--workspace', 'w', '--base-url', 'https://x'], /there is no token/],
])('refuses %j with the usage', async (argv, message) => {
  expect(await deploy(argv, {}, (line) => lines.push(line))).toBe(2)
  expect(lines.join('\n')).toMatch(message)
  expect(lines.join('\n')).toContain('usage: npm run deploy')
})
