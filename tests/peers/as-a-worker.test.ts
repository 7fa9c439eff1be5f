import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { loadParser } from '../../runner/items/signature.ts'
import { bunBinary, projectRoot } from '../../runner/root.ts'
import { readDoors, type ScriptFiles } from '../../windmill/bundle.ts'
import { stageBundle } from '../../windmill/stage/stage.ts'
import { testDatabase } from '../support/database.ts'
import { peer } from './peer.ts'

const BUNS = { '1.3.10, as a Windmill worker has it': peer('HAI_PEER_BUN'), 'our own': bunBinary() }

const database = testDatabase()
const folder = mkdtempSync(join(tmpdir(), 'hai-as-a-worker-'))
const staged = join(folder, 'staged')
const run = promisify(execFile)
let doors: ScriptFiles[]
let windmill: Server
/** What the doors asked of Windmill. */
const asked: string[] = []

beforeAll(async () => {
  await stageBundle(projectRoot(), staged, { onePool: false })
  doors = readDoors(staged)
  windmill = createServer((request, response) => {
    asked.push(`${request.method} ${request.url?.split('?')[0]}`)
    const { url = '' } = request
    if (url.includes('/jobs/run/')) return response.writeHead(201).end('01a0c5b2-0000-4000-8000-000000000000')
    const [, path] = /\/resources\/get_value\/(f\/hai\/\w+)$/.exec(url) ?? []
    if (!path) return response.writeHead(404).end('not found')
    const { value } = parse(readFileSync(join(staged, `${path}.resource.yaml`), 'utf8')) as { value: unknown }
    return response.writeHead(200).end(JSON.stringify(value))
  }).listen(0, '127.0.0.1')
  await once(windmill, 'listening')
})
afterAll(() => {
  windmill.close()
  rmSync(folder, { recursive: true })
})

/**
 * What a worker does first: the lock taken apart, its packages installed as it says and no other way. Doors with one lock
 * share a folder.
 */
async function install(bun: string, name: string, lock: string): Promise<string> {
  const home = join(folder, name, `lock-${installed.size}`)
  const known = installed.get(`${name} ${lock}`)
  if (known) return known
  mkdirSync(home, { recursive: true })
  const [manifest = '', lockfile = ''] = lock.split('\n//bun.lock\n')
  writeFileSync(join(home, 'package.json'), manifest)
  if (lockfile !== '<empty>') {
    writeFileSync(join(home, 'bun.lock'), lockfile)
    const args = ['install', '--frozen-lockfile', '--ignore-scripts', '--no-progress']
    await run(bun, args, { cwd: home, env: { ...process.env, BUN_INSTALL_CACHE_DIR: join(folder, 'cache') } })
    // it is taken as it was shipped
    expect(readFileSync(join(home, 'bun.lock'), 'utf8')).toBe(lockfile)
  }
  installed.set(`${name} ${lock}`, home)
  return home
}
const installed = new Map<string, string>()

const BUILD = `
const [entry, outdir] = process.argv.slice(2)
const tsx = { name: 'tsx', setup: ({ onLoad }) =>
  onLoad({ filter: /main\\.ts$/ }, async ({ path }) => ({ contents: await Bun.file(path).text(), loader: 'tsx' })) }
const built = await Bun.build({ entrypoints: [entry], outdir, target: 'bun', plugins: [tsx] })
if (!built.success) throw new AggregateError(built.logs, 'it does not build')
`
const WRAPPER = `
import * as Main from "./main.js"
import { readFileSync, writeFileSync } from 'node:fs'
const { names, args, event } = JSON.parse(readFileSync('args.json', 'utf8'))
const given = event ? await Main.preprocessor(event) : args
const result = await Main.main(...names.map((name) => given[name]))
writeFileSync('result.json', JSON.stringify(result === undefined ? null : result))
process.exit(0)
`

/** Builds a door once for each Bun. */
async function build(bun: string, name: string, door: ScriptFiles): Promise<string> {
  const home = await install(bun, name, door.lock!)
  const place = join(folder, name, door.path)
  mkdirSync(place, { recursive: true })
  symlinkSync(join(home, 'node_modules'), join(place, 'node_modules'))
  writeFileSync(join(place, 'main.ts'), door.code)
  writeFileSync(join(place, 'build.mjs'), BUILD)
  writeFileSync(join(place, 'wrapper.mjs'), WRAPPER)
  await run(bun, ['build.mjs', join(place, 'main.ts'), place], { cwd: place })
  return place
}

/** Runs a built door in a fresh process with exactly a worker's environment, and gives what it returned. */
async function call(
  bun: string,
  place: string,
  door: ScriptFiles,
  given: { args?: object; event?: object },
): Promise<unknown> {
  const { parse_deno } = await loadParser()
  const names = (JSON.parse(parse_deno(door.code)) as { args: { name: string }[] }).args.map(
    (arg) => arg.name,
  )
  writeFileSync(join(place, 'args.json'), JSON.stringify({ names, args: {}, ...given }))
  const isRoute = door.path.startsWith('f/hai_routes/')
  const { tag } = parse(door.metadata!) as { tag: string }
  const { port } = windmill.address() as AddressInfo
  const base = `http://127.0.0.1:${port}`
  const env = {
    PATH: '/usr/bin:/bin',
    HOME: place,
    TZ: '',
    FORCE_COLOR: '1',
    DO_NOT_TRACK: '1',
    BUN_INSTALL_CACHE_DIR: join(folder, 'cache'),
    BUN_RUNTIME_TRANSPILER_CACHE_PATH: '0',
    BASE_URL: base,
    WM_BASE_URL: base,
    WM_WORKSPACE: 'homelab',
    WM_TOKEN: 'a-job-token',
    WM_EMAIL: 'operator@example.com',
    WM_USERNAME: 'operator',
    WM_PERMISSIONED_AS: isRoute ? 'u/hai' : 'u/operator',
    WM_JOB_ID: '01a0c5b2-1111-4000-8000-000000000000',
    WM_JOB_PATH: door.path,
    WM_SCHEDULE_PATH: '',
    WM_WORKER_GROUP: tag,
    // what the group's whitelist lets through
    HAI_DATABASE_URL: database.url,
  }
  await run(bun, ['run', 'wrapper.mjs'], { cwd: place, env: env as unknown as NodeJS.ProcessEnv })
  return JSON.parse(readFileSync(join(place, 'result.json'), 'utf8'))
}

interface Failed {
  windmill_status_code?: number
}

describe.each(Object.entries(BUNS))('every door, staged, with Bun %s', (name, bun) => {
  const places = new Map<string, string>()
  const door = (path: string) => doors.find((one) => one.path === path)!
  const ask = <T>(path: string, args: object) =>
    call(bun, places.get(path)!, door(path), { args }) as Promise<T>

  it('installs by its lock and builds as tsx', async () => {
    const waiting = [...doors]
    const build2 = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift())
        places.set(next.path, await build(bun, name, next))
    }
    // packages first, one lock at a time
    for (const { lock } of doors) await install(bun, name, lock!)
    await Promise.all([build2(), build2()])
    expect(places.size).toBe(doors.length)
  })

  it('runs with nothing given: answers, or refuses in hai’s own words', async () => {
    const waiting = doors.filter(({ path }) => path !== 'f/hai/model/test')
    const seen: Record<string, string> = {}
    const go = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const event = { kind: 'http', query: {}, params: {}, headers: {}, body: null, raw_string: '' }
        const given = /^export async function preprocessor\b/m.test(next.code) ? { event } : {}
        const result = (await call(bun, places.get(next.path)!, next, given)) as Failed | null
        const status = result?.windmill_status_code ?? 200
        seen[next.path] = status >= 400 ? String(status) : 'ok'
      }
    }
    await Promise.all([go(), go()])
    // 401: what is not signed
    const odd = Object.entries(seen).filter(([, how]) => !['ok', '400', '401', '404'].includes(how))
    expect(odd).toEqual([])
    expect(Object.values(seen).filter((how) => how === 'ok').length).toBeGreaterThan(8)
  })

  it('answers what needs no model in the job that takes it in', async () => {
    const envelope = { source: 'cli', content: 'add todo: clean the filters #hall' }
    const { task_id: id } = await ask<{ task_id: string }>('f/hai/inbox', { body: envelope })
    expect(await ask('f/hai/task/result', { id })).toMatchObject({ state: 'done' })
  })

  it('puts a task down, answers it, and shows it', async () => {
    const envelope = { source: 'cli', content: 'add todo: replace the UPS battery #rack' }
    const [accepted] = await ask<{ task_id: string }[]>('f/hai/inbox', { body: [envelope] })
    const id = accepted!.task_id
    expect(asked.some((line) => line.startsWith('POST /api/w/homelab/jobs/run/p/f/hai/worker/run'))).toBe(
      true,
    )
    await ask('f/hai/worker/run', { budget_seconds: 5 })
    expect(await ask('f/hai/task/result', { id })).toMatchObject({ state: 'done' })
    const { todos } = await ask<{ todos: { body: string }[] }>('f/hai/todo/list', { tag: 'rack' })
    expect(todos.map(({ body }) => body)).toContain('replace the UPS battery')
  })
})
