import { beforeAll, beforeEach, expect, it } from 'vitest'
import { deploy } from '../../../windmill/deploy/deploy.ts'
import { Warming } from '../../../windmill/deploy/ready.ts'
import { drift } from '../../../windmill/drift/drift.ts'
import { generateMetadata } from '../../../windmill/metadata.ts'
import { WindmillServer } from '../../../windmill/server.ts'
import { bundleFolder } from '../../runner/bundle-folder.ts'
import { StandIn } from '../stand-in.ts'

const door = (result: string) => `export async function main() {\n  return ${result}\n}\n`
const WORKER = 'summary: work\ndescription: ""\nkind: script\ntag: hai-work\n'
const FILES = {
  'package-lock.json': '{"packages":{}}',
  'wmill.yaml':
    'defaultTs: bun\nincludes:\n  - f/hai/**\n  - u/operator/**\nincludeSchedules: true\nincludeTriggers: true\nskipSecrets: true\nnonDottedPaths: true\n',
  'f/hai/models.resource.yaml': 'resource_type: c_hai_models\nvalue: {}\n',
  'f/hai/folder.meta.yaml': 'summary: hai\ndisplay_name: hai\nowners: []\nextra_perms: {}\n',
  'f/hai_routes/folder.meta.yaml': 'summary: routes\ndisplay_name: hai_routes\nowners: []\nextra_perms: {}\n',
  'f/hai/inbox.ts': `import { word } from './core/word.ts'\n\n${door('word')}`,
  'f/hai/core/word.ts': "export const word = 'accepted'\n",
  'f/hai/worker/run.ts': door('2'),
  'f/hai/worker/run.script.yaml': WORKER,
  'f/hai/worker/run.schedule.yaml':
    'schedule: 0 * * * * *\ncron_version: v2\ntimezone: Etc/UTC\nscript_path: f/hai/worker/run\nis_flow: false\nargs: {}\nenabled: true\nsummary: work\n',
  'f/hai/http/inbox.http_trigger.yaml':
    'script_path: f/hai_routes/inbox\nis_flow: false\nroute_path: hai/inbox\nhttp_method: post\nrequest_type: sync\nauthentication_method: windmill\nis_static_website: false\nworkspaced_route: false\nwrap_body: true\nraw_string: true\n',
  'f/hai_routes/inbox.ts': door('3'),
  'f/hai/worker/sweep.ts': door('4'),
  'f/hai/task/result.ts': door('5'),
  'f/hai/admin/health.ts': door('6'),
  'f/hai/admin/migrate.ts': door("({ version: 1, applied: ['first'] })"),
}

let root: string
let windmill: StandIn
let lines: string[]
/** A server after its first deploy, of which tests get copies; and what that one said, and returned. */
let deployed: StandIn
let said: string[]
let code: number

beforeAll(async () => {
  root = bundleFolder(FILES).root
  await generateMetadata(root)
  windmill = deployed = await empty()
  lines = said = []
  code = await run()
  return () => deployed.stop()
})

beforeEach(async () => {
  windmill = await empty()
  lines = []
  return () => windmill.stop()
})

async function empty(): Promise<StandIn> {
  const made = await new StandIn().start()
  made.doors = {
    'f/hai/admin/migrate': () => ({ version: 1, applied: ['first'] }),
    'f/hai/worker/sweep': () => ({}),
    'f/hai/inbox': () => [{ task_id: '01JD0000000000000000000000' }],
    'f/hai/task/result': () => ({ state: 'done', output: 'nothing is open' }),
    'f/hai/admin/health': () => ({ problems: [] }),
  }
  return made
}

async function run(...flags: string[]): Promise<number> {
  const argv = ['--workspace', 'homelab', '--base-url', windmill.endpoint, '--root', root, ...flags]
  return deploy(argv, { WMILL_TOKEN: windmill.token }, (line) => lines.push(line))
}

const steps = ({ changes }: StandIn) =>
  changes.map((change) => change.replace(/^(create|update) script .*/, '$1 scripts'))

it('migrates, pushes what is new, puts a task through, and finds nothing left to do the next time', async () => {
  expect(code).toBe(0)
  expect([...new Set(steps(deployed))]).toEqual([
    'run f/hai/admin/migrate',
    'create folders hai_routes',
    'create folders hai',
    'create resources/type c_hai_models',
    'create resources f/hai/models',
    'create scripts',
    'create schedules f/hai/worker/run',
    'create http_triggers f/hai/http/inbox',
    'run f/hai/worker/sweep',
    'run f/hai/inbox',
    'run f/hai/task/result',
    'run f/hai/admin/health',
  ])
  expect(deployed.scripts.get('f/hai/inbox')).toMatchObject({
    language: 'bun',
    tag: 'hai',
    lock: expect.stringContaining('//bun.lock'),
  })
  expect(deployed.folders.get('hai_routes')?.extra_perms).toEqual({ 'u/hai': false })
  expect(deployed.warmed.toSorted()).toEqual([...deployed.scripts.keys()].toSorted())
  expect(said.join('\n')).toMatch(/^deployed, [\d.]+ s$/m)
  expect(deployed.putOff).toBe(0)

  windmill.copy(deployed)
  expect(await run()).toBe(0)
  expect(lines).toContain('nothing is new: the server has this bundle already')
  expect(steps(windmill).filter((step) => !step.startsWith('run '))).toEqual([])
  expect(windmill.warmed).toEqual([])
  const argv = ['--workspace', 'homelab', '--base-url', windmill.endpoint, '--root', root]
  expect(await drift(argv, { WMILL_TOKEN: windmill.token }, () => {})).toBe(0)
})

it('pushes only what changed, whatever keys a server adds, and removes what is gone when a task has come back', async () => {
  windmill.copy(deployed)
  for (const item of [
    ...windmill.triggers.values(),
    ...windmill.schedules.values(),
    ...windmill.scripts.values(),
  ]) {
    Object.assign(item, { key_of_a_later_release: true, description: item.description ?? null })
  }
  windmill.scripts.set('f/hai/old', { ...windmill.scripts.get('f/hai/inbox'), path: 'f/hai/old' })
  windmill.scripts.set('f/hai/core/gone', { content: 'export const a = 1', archived: true })
  windmill.scripts.set('f/other/old', { content: door('1') })
  windmill.scripts.set('f/hai/inbox', { ...windmill.scripts.get('f/hai/inbox'), content: door('0') })
  windmill.schedules.set('f/hai/old', { ...windmill.schedules.get('f/hai/worker/run') })
  windmill.triggers.set('f/hai/http/old', { ...windmill.triggers.get('f/hai/http/inbox') })
  windmill.changes = []
  lines = []
  expect(await run('--keep')).toBe(0)
  expect(lines.join('\n')).not.toContain('deleted')
  expect(windmill.scripts.get('f/hai/inbox')?.content).toContain('word')
  expect(windmill.changes.filter((change) => !change.startsWith('run '))).toEqual([
    'update script f/hai/inbox',
  ])
  windmill.changes = []
  expect(await run()).toBe(0)
  expect(lines.map((line) => line.replace(/ +/g, ' '))).toContain(' deleted schedule f/hai/old')
  const ended = windmill.changes.indexOf('run f/hai/task/result')
  expect(windmill.changes.slice(ended + 1)).toEqual([
    'remove schedules f/hai/old',
    'remove http_triggers f/hai/http/old',
    'remove script f/hai/core/gone',
    'remove script f/hai/old',
    'run f/hai/admin/health',
  ])
  expect([...windmill.scripts.keys()]).toContain('f/other/old')
})

it('waits until calls by path get the new versions too', async () => {
  windmill.copy(deployed)
  windmill.scripts.set('f/hai/inbox', { ...windmill.scripts.get('f/hai/inbox'), content: door('0') })
  windmill.late = 1
  expect(await run()).toBe(0)
  expect(windmill.late).toBe(0)
  expect(lines.join('\n')).toMatch(/calls get the new versions/)
})

it('is done when a task has come back, and watches the other doors warm up after it', async () => {
  windmill.copy(deployed)
  outdate('f/hai/inbox', 'f/hai_routes/inbox', 'f/hai/worker/run')
  const busy = () => !lines.some((line) => line.startsWith('deployed, '))
  windmill.starts = (path) => (path !== 'f/hai/inbox' && busy() ? undefined : { success: true, result: 1 })
  expect(await run()).toBe(0)
  expect(lines.at(-2)).toBe('2 of 3 doors warm up still, each by answering once …')
})

it.each([
  // before and after the task has come back
  'f/hai/inbox',
  'f/hai_routes/inbox',
])('stops at a door that does not start, with the words of its job: %s', async (broken) => {
  windmill.copy(deployed)
  outdate('f/hai/inbox', 'f/hai_routes/inbox')
  const error = { name: 'ExecutionErr', message: 'error: Could not resolve: "zod"' }
  const answered = { success: false, result: { wm_failure: 'no', error: { message: 'a field is missing' } } }
  windmill.starts = (path) => (path === broken ? { success: false, result: { error } } : answered)
  expect(await run()).toBe(1)
  expect(lines.at(-1)).toBe(
    `stopped: what was pushed does not start: ${broken}: error: Could not resolve: "zod"; what was done so far stays, and it is safe to run this again`,
  )
})

it('says of doors that no worker comes to that it does not know', async () => {
  windmill.copy(deployed)
  const live = new Map([...windmill.scripts].map(([path, { hash }]) => [path, String(hash)]))
  const server = new WindmillServer({
    endpoint: windmill.endpoint,
    workspace: 'homelab',
    token: windmill.token,
  })
  windmill.starts = (path) => (path === 'f/hai/inbox' ? { success: true, result: 1 } : undefined)
  const warming = new Warming(server, live, ['f/hai/worker/run', 'f/hai/inbox', 'f/hai/model/test'])
  expect(await warming.rest(0)).toEqual(['f/hai/worker/run'])
})

/** As if a release before had pushed them. */
function outdate(...paths: string[]): void {
  for (const path of paths)
    windmill.scripts.set(path, { ...windmill.scripts.get(path), content: door('0'), hash: '0' })
}

it('gives each route the rights of the service user, and stops where it keeps another’s', async () => {
  windmill.folders.set('hai', { owners: ['u/operator'], extra_perms: { 'g/all': false } })
  expect(await run()).toBe(0)
  expect(windmill.triggers.get('f/hai/http/inbox')?.permissioned_as).toBe('u/hai')
  windmill.triggers.set('f/hai/http/inbox', {
    ...windmill.triggers.get('f/hai/http/inbox'),
    permissioned_as: 'u/operator',
  })
  expect(await run()).toBe(0)
  expect(windmill.triggers.get('f/hai/http/inbox')?.permissioned_as).toBe('u/hai')
  windmill.keepsOwners = true
  windmill.triggers.set('f/hai/http/inbox', {
    ...windmill.triggers.get('f/hai/http/inbox'),
    permissioned_as: 'u/operator',
  })
  expect(await run()).toBe(1)
  expect(lines.at(-1)).toMatch(/do not run as u\/hai.*f\/hai\/http\/inbox \(u\/operator\).*disable them/)
})

it('takes from doors the rights of somebody else than who calls, which drift tells', async () => {
  const argv = ['--workspace', 'homelab', '--base-url', windmill.endpoint, '--root', root]
  windmill.copy(deployed)
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
  expect(lines.filter((line) => line.endsWith(' f/hai/inbox'))).toEqual([
    '  added    script         f/hai/inbox',
  ])
  expect(lines).toContain('new in the schema: first')
  expect(windmill.changes).toEqual([])
})

it('stops before anything is pushed when no live worker serves a tag, unless there is one pool', async () => {
  windmill.tags = new Set(['bun', 'gpu', 'hai'])
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

it('stops at all that has to be mended first, says how, a line each, and changes nothing', async () => {
  windmill.customTags = ['hai']
  windmill.workers[0]!.database = false
  windmill.admin = false
  windmill.taken = ['hai/inbox', 'other']
  windmill.settings.http_route_workspaced_route = true
  windmill.users[1]!.operator = false
  expect(await run()).toBe(1)
  const all = lines.at(-1)!
  for (const line of [
    /^ {2}.* tag hai-work, .*custom_tags \{"value":\["hai","hai-work"\]\}$/m,
    /^ {2}a look at the database by the workers of tag hai failed: HAI_DATABASE_URL is not set here: .* group hai; look at http/m,
    /^ {2}operator is no admin of workspace homelab, .*deploy as an admin/m,
    /^ {2}another trigger serves POST \/api\/r\/hai\/inbox, .*delete it there first/m,
    /^ {2}.* superadmin sends .*http_route_workspaced_route \{"value": false\}$/m,
    /^ {2}the user hai.* may write scripts: give that user Windmill's role operator/m,
  ]) {
    expect(all).toMatch(line)
  }
  windmill.users.splice(1, 1)
  expect(await run()).toBe(1)
  expect(lines.at(-1)).toMatch(/^ {2}there is no user hai.*Windmill's role operator$/m)
  windmill.narrow = true
  expect(await run()).toBe(1)
  expect(lines.at(-1)).toMatch(/made with a workspace_id; deploy with one made without/)
  expect(windmill.changes).toEqual([])
})

it('notes all that is open at once, a line each', async () => {
  windmill.workers.pop()
  windmill.users[2]!.operator = false
  windmill.tokens[0]!.label = 'laptop'
  windmill.dependencies = [{ language: 'bun', name: null }]
  windmill.folders.set('hai', { name: 'hai', owners: ['u/operator'], extra_perms: { 'u/operator': true } })
  windmill.folders.set('hai_routes', { name: 'hai_routes', owners: [], extra_perms: { 'g/all': false } })
  expect(await run('--dry-run')).toBe(0)
  const all = lines.join('\n')
  for (const line of [
    /^note: one worker alone serves hai-work/m,
    /^note: kim may write scripts here/m,
    /^note: the deploying token is labelled laptop/m,
    /^note: the workspace has a default package\.json/m,
    /^note: u\/hai may not read folder hai,/m,
    /^note: g\/all may read folder hai_routes/m,
  ]) {
    expect(all).toMatch(line)
  }
  windmill.users[2]!.operator = true
  lines = []
  expect(await run('--dry-run')).toBe(0)
  expect(lines.join('\n')).not.toContain('may write scripts')
})

it.each<[string, (windmill: StandIn) => void, RegExp]>([
  [
    'a server that is too old',
    (it) => {
      it.version = 'CE v1.720.2'
    },
    /hai needs 1\.721 or newer/,
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

it('stops with the door’s own words where the database can’t be migrated, a dry run too', async () => {
  windmill.refusal = 'HAI_DATABASE_URL of this worker leads to a connection pooler that ends a connection'
  expect(await run('--dry-run')).toBe(1)
  expect(lines.at(-1)).toMatch(/nothing was changed\n.* tag hai failed: HAI_DATABASE_URL .* pooler/)
  expect(windmill.changes).toEqual([])
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
  windmill.copy(deployed)
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
