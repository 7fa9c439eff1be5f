import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { build, transform } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { WHITELIST as NAMES } from '../windmill/whitelist.ts'

const root = join(import.meta.dirname, '..')

/** Tracked and new files alike, so that a rule holds before the commit. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => /\.(ts|mjs|cjs)$/.test(file) && existsSync(join(root, file)))

const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]))

interface Import {
  from: string
  to: string
  typeOnly: boolean
  /** Loaded when it is needed. */
  lazy: boolean
}

const imports: Import[] = [...sources].flatMap(([from, text]) =>
  [...text.matchAll(/^(?:import|export)\s+(type\s+)?[^'"]*?from\s+'(\.[^']+)'|import\('(\.[^']+)'\)/gm)].map(
    ([, type, still, lazy]) => ({
      from,
      to: posix.normalize(posix.join(posix.dirname(from), (still ?? lazy)!)),
      typeOnly: type !== undefined,
      lazy: still === undefined,
    }),
  ),
)

/** The one list that all share who start workers, or say how. */
const WHITELIST = 'windmill/whitelist.ts'

/** Rooms of core, each of which may import those before it. */
const ROOMS = ['base', 'task', 'todo', 'outbox', 'cost', 'model', 'builtin', 'alert', 'work', 'surface']

const isScript = (file: string) => /^[fu]\//.test(file) && file.endsWith('.ts')
const isCore = (file: string) => file.startsWith('f/hai/core/')
const isDoor = (file: string) => isScript(file) && !isCore(file)
const isRoute = (file: string) => file.startsWith('f/hai_routes/')
const isResident = (file: string) => file.startsWith('worker/')
const isServed = (file: string) => file.startsWith('serve/')
const shown = ({ from, to }: Import) => `${from} → ${to}`

describe('the house', () => {
  it('reads enough files to mean something', () => {
    expect(files.filter(isDoor).length).toBeGreaterThan(20)
    expect(imports.length).toBeGreaterThan(100)
  })

  it('has rooms in core that import only rooms to their left, and one file that knows them all', () => {
    const place = (file: string) => {
      const [, room] = /^f\/hai\/core\/(\w+)\//.exec(file) ?? []
      // what lies beside the rooms is of the whole house
      return room === undefined ? ROOMS.length : ROOMS.indexOf(room)
    }
    const core = files.filter(isCore)
    expect(core.filter((file) => place(file) < 0)).toEqual([])
    expect(ROOMS.filter((_, at) => !core.some((file) => place(file) === at))).toEqual([])
    const upwards = imports.filter(({ from, to }) => isCore(from) && isCore(to) && place(to) > place(from))
    expect(upwards.map(shown)).toEqual([])
    const whole = imports
      .filter(({ from, to }) => isCore(from) && /core\/\w+\/room\.ts$/.test(to))
      .map(({ from }) => from)
    expect([...new Set(whole)]).toEqual(['f/hai/core/house.ts'])
  })

  it('has a main in every door and none in core', () => {
    const withMain = files.filter(
      (file) => isScript(file) && /^export async function main\(/m.test(sources.get(file)!),
    )
    expect(withMain.sort()).toEqual(files.filter(isDoor).sort())
  })

  it('imports only files that are there, with their extension', () => {
    expect(imports.filter(({ to }) => !existsSync(join(root, to))).map(shown)).toEqual([])
  })

  it('lets core import core alone and doors nothing but core', () => {
    expect(imports.filter(({ from, to }) => isScript(from) && !isCore(to)).map(shown)).toEqual([])
  })

  it('lets the CLI take types from core, the lists that are shapes, and the local stack’s record', () => {
    const strays = imports.filter(
      ({ from, to, typeOnly }) =>
        from.startsWith('cli/') &&
        !to.startsWith('cli/') &&
        !typeOnly &&
        !/core\/(base\/contract|(\w+\/)?shape)\.ts$/.test(to) &&
        // how costs are written, alike in the terminal, on the page and in a notice
        to !== 'f/hai/core/cost/amount_text.ts' &&
        to !== 'f/hai/core/base/words.ts' &&
        // and what of a text nobody is to see, and what somebody is likely to have meant
        to !== 'f/hai/core/base/text.ts' &&
        to !== 'runner/instance.ts' &&
        // and how a file is had by one process alone
        to !== 'runner/files.ts',
    )
    expect(strays.map(shown)).toEqual([])
  })

  it('has no circle among the CLI’s rooms', () => {
    const roomOf = (file: string) => /^cli\/(\w+)\//.exec(file)?.[1]
    const next = new Map<string, Set<string>>()
    for (const { from, to } of imports) {
      const [one, other] = [roomOf(from), roomOf(to)]
      if (one && other && one !== other) next.set(one, (next.get(one) ?? new Set()).add(other))
    }
    const reached = (room: string, seen = new Set<string>()): Set<string> => {
      for (const one of next.get(room) ?? []) if (!seen.has(one)) reached(one, seen.add(one))
      return seen
    }
    expect([...next.keys()].length).toBeGreaterThan(5)
    expect([...next.keys()].filter((room) => reached(room).has(room))).toEqual([])
  })

  it('lets the resident worker take values from core and the CLI, and the CLI nothing but types of it', () => {
    const strays = imports.filter(({ from, to, typeOnly }) =>
      isResident(from)
        ? !isResident(to) && !to.startsWith('cli/') && !isCore(to) && to !== 'runner/instance.ts'
        : from.startsWith('cli/') && isResident(to) && !typeOnly,
    )
    expect(strays.map(shown)).toEqual([])
  })

  it('lets what serves chat clients take values from core and the CLI, and the CLI nothing but types of it', () => {
    const strays = imports.filter(({ from, to, typeOnly }) =>
      isServed(from)
        ? !isServed(to) && !to.startsWith('cli/') && !isCore(to)
        : from.startsWith('cli/') && isServed(to) && !typeOnly,
    )
    expect(strays.map(shown)).toEqual([])
    // it is a client of the house's doors as any other, and has no database
    expect([...packagesOf('serve/main.ts')]).not.toContain('postgres')
  })

  it('lets the runner import nothing of the bundle or the CLI, but how a database’s address is read', () => {
    const strays = imports.filter(
      ({ from, to }) =>
        from.startsWith('runner/') &&
        !to.startsWith('runner/') &&
        to !== WHITELIST &&
        to !== 'f/hai/core/base/address.ts',
    )
    expect(strays.map(shown)).toEqual([])
    expect(imports.filter(({ from }) => from === 'f/hai/core/base/address.ts')).toEqual([])
  })

  it('has the cluster’s API, which is heavy, in a program that one command loads', () => {
    const named = files.filter((file) => /from '@kubernetes\/client-node'/.test(sources.get(file)!))
    expect(named.filter((file) => !file.startsWith('tests/'))).toEqual(['cli/gitops/kubernetes.ts'])
    const values = imports.filter(({ to, typeOnly }) => to === 'cli/gitops/kubernetes.ts' && !typeOnly)
    expect(values).toEqual([])
  })

  it('lets cdk8s stand apart', () => {
    expect(
      imports
        .filter(({ from, to }) => from.startsWith('cdk8s/') && !to.startsWith('cdk8s/') && to !== WHITELIST)
        .map(shown),
    ).toEqual([])
  })

  it('has nothing import u/', () => {
    expect(imports.filter(({ to }) => to.startsWith('u/')).map(shown)).toEqual([])
  })

  it('has no import cycle', () => {
    const next = byImporter()
    const state = new Map<string, 'open' | 'closed'>()
    const cycles: string[] = []
    const visit = (file: string, path: string[]) => {
      if (state.get(file) === 'closed') return
      if (state.get(file) === 'open') {
        cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
        return
      }
      state.set(file, 'open')
      for (const { to } of next.get(file) ?? []) visit(to, [...path, file])
      state.set(file, 'closed')
    }
    for (const file of files) visit(file, [])
    expect(cycles).toEqual([])
  })

  it('loads what is heavy and for one feature in the doors of that feature alone', () => {
    const strays = files.filter(isDoor).flatMap((door) => {
      const path = door.replace(/^f\/hai\/|\.ts$/g, '')
      return [...packagesOf(door)]
        .filter((name) => !LIGHT.includes(name) && !OF_ONE_FEATURE[name]?.includes(path))
        .map((name) => `${door} loads ${name}`)
    })
    expect(strays).toEqual([])
    const loaded = new Set(files.filter(isDoor).flatMap((door) => [...packagesOf(door)]))
    expect(Object.keys(OF_ONE_FEATURE).filter((name) => !loaded.has(name))).toEqual([])
  })

  it('does nothing in core by being loaded, so that a server’s door has no file that it takes nothing from', async () => {
    const core = files.filter(isCore)
    const found = await Promise.all(core.map((file) => effectsIn(sources.get(file)!)))
    const strays = core.flatMap((file, at) => found[at]!.map((line) => `${file}: ${line}`))
    expect(strays).toEqual([])
    const loose =
      "import './a.ts'\nconst known = new Map()\nknown.set(1, `\nb`)\nfor (const one of known) {\n}\n"
    expect(await effectsIn(loose)).toEqual([
      'import "./a.ts";',
      String.raw`known.set(1, "\nb");`,
      'for (const one of known) {',
    ])
  })

  it('keeps every file but tests and data under 400 lines', () => {
    const long = [...sources]
      .filter(([file, text]) => !/^tests\/|_data\.ts$/.test(file) && text.split('\n').length > 400)
      .map(([file]) => file)
    expect(long).toEqual([])
  })

  it('keeps doors plain: no SQL, no try, no console, no environment', () => {
    const plain = /sql`|\btry\b|console\.|process\./
    expect(files.filter((file) => isDoor(file) && plain.test(sources.get(file)!))).toEqual([])
  })

  it('lets a door work with what it handed on, which came back as its sender means it', () => {
    const doors = files.filter((file) => isDoor(file) && !isRoute(file) && !file.includes('__flow/'))
    const strays = doors.flatMap((file) => asSentIn(sources.get(file)!).map((name) => `${file}: ${name}`))
    expect(strays).toEqual([])
  })

  it('keeps the scripts of routes where no caller reads, and their triggers where all do', () => {
    const triggers = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
    })
      .split('\n')
      .filter((file) => file.endsWith('.http_trigger.yaml') && existsSync(join(root, file)))
    const served = triggers.map((file) => {
      const { script_path: path } = parse(readFileSync(join(root, file), 'utf8')) as { script_path: string }
      expect(path, file).toBe(
        file.replace(/^f\/hai\/http\//, 'f/hai_routes/').replace('.http_trigger.yaml', ''),
      )
      return `${path}.ts`
    })
    expect(served.sort()).toEqual(files.filter(isRoute).sort())
    const asRoute = files.filter((file) => isDoor(file) && /\b(r|signedR)oute\(/.test(sources.get(file)!))
    expect(asRoute.sort()).toEqual(files.filter(isRoute).sort())
  })

  it('lets a preprocessor return named fields of a request alone', () => {
    const preprocessors = files.flatMap((file) => {
      const [, body] =
        /^export async function preprocessor\(event: RequestEvent\) {\n([\s\S]*?)\n}$/m.exec(
          sources.get(file)!,
        ) ?? []
      return isDoor(file) && sources.get(file)!.includes('function preprocessor(') ? [{ file, body }] : []
    })
    expect(preprocessors.length).toBeGreaterThan(5)
    const named =
      /^ {2}return (fieldsOf\(event, \w+\)|{ \.\.\.fieldsOf\(event, \w+\), raw_string: jsonText\(event\) }|{ \.\.\.fieldsOf\(event, \w+\), \.\.\.signedWith\(event\) })$/
    expect(preprocessors.filter(({ body = '' }) => !named.test(body))).toEqual([])
  })

  it('reads the environment in core only where a job meets it', () => {
    const readers = files.filter((file) => isCore(file) && sources.get(file)!.includes('process.env'))
    expect(readers.sort()).toEqual([
      'f/hai/core/base/door.ts',
      'f/hai/core/base/environment.ts',
      'f/hai/core/base/time.ts',
      'f/hai/core/base/windmill.ts',
    ])
  })

  it('reads of the environment only what a worker gives its jobs, and asks the process for its zone in one place', () => {
    const scripts = files.filter(isScript)
    const where = (words: RegExp) => scripts.filter((file) => words.test(sources.get(file)!))
    expect(where(/BASE_INTERNAL_URL|WM_STATE_PATH_NEW/)).toEqual([])
    expect(where(/DateTimeFormat\(\)/)).toEqual([])
    const named = scripts.filter(isCore).flatMap((file) => environmentNames(sources.get(file)!))
    // the last but one is a resident worker's, whose programs it is kept from; by the last the process's zone may change
    const given = /^(WM_[A-Z_]+|BASE_URL|FORCE_COLOR|HAI_DATABASE_DIRECT_URL|TZ)$/
    expect(named.filter((name) => !given.test(name) && !NAMES.includes(name))).toEqual([])
    expect(named.length).toBeGreaterThan(8)
  })

  it('finds the database by the environment alone, and keeps no secret where a text can name it', () => {
    const texts = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
    })
      .split('\n')
      .filter((file) => file && existsSync(join(root, file)))
      .map((file) => [file, readFileSync(join(root, file), 'utf8')] as const)
    const named = new RegExp(['f/hai/', 'db(_password)?\\b(?!\\.ts)'].join(''))
    expect(texts.filter(([, text]) => named.test(text)).map(([file]) => file)).toEqual([])
    const items = texts.filter(([file]) => /^f\/hai(_routes)?\/.*\.(variable|resource)\.yaml$/.test(file))
    expect(items.length).toBeGreaterThan(3)
    const holdsSecret = ([, text]: readonly [string, string]) => {
      const { is_secret = false, value } = parse(text) as { is_secret?: boolean; value?: unknown }
      return is_secret || /"\$(var|res|jsonvar|encrypted):/.test(JSON.stringify(value ?? null))
    }
    expect(items.filter(holdsSecret).map(([file]) => file)).toEqual([])
    const readers = files.filter((file) =>
      /env\.HAI_DATABASE_(DIRECT_)?URL|{\s+HAI_DATABASE_URL: \w/.test(sources.get(file)!),
    )
    expect(readers.filter((file) => !file.startsWith('tests/'))).toEqual([
      'f/hai/core/base/door.ts',
      'f/hai/core/base/environment.ts',
      'runner/database.ts',
      // whether it is set, for a hint
      'runner/instance/lifecycle.ts',
      'worker/listen.ts',
    ])
  })

  it('lets the sweep and the operator’s view of the settings read resources, and no door a variable', async () => {
    const doors = files.filter(isDoor)
    const { outputFiles } = await build({
      entryPoints: doors,
      absWorkingDir: root,
      outdir: root,
      outbase: root,
      bundle: true,
      packages: 'external',
      format: 'esm',
      platform: 'node',
      write: false,
    })
    const asking = (what: RegExp) =>
      doors.filter((_, at) => what.test(outputFiles[at]!.text)).map((door) => door.replace(/\.ts$/, ''))
    expect(outputFiles.map(({ path }) => path)).toEqual(
      doors.map((door) => join(root, door.replace(/ts$/, 'js'))),
    )
    expect(asking(/resources\/\w+/)).toEqual(['f/hai/config/show', 'f/hai/worker/sweep'])
    expect(asking(/variables\/\w+/)).toEqual([])
  })

  it('lets each script have its caller’s rights, and each route those that a deploy gives it', () => {
    const items = execFileSync('git', ['ls-files', '--', 'f/*.yaml', 'u/*.yaml'], {
      cwd: root,
      encoding: 'utf8',
    })
      .split('\n')
      .filter((file) => file && existsSync(join(root, file)))
    expect(items.length).toBeGreaterThan(50)
    const another = (file: string) =>
      /on_behalf_of|permissioned_as/.test(readFileSync(join(root, file), 'utf8'))
    expect(items.filter(another)).toEqual([])
  })

  it('lets no SQL past the tagged template but migrations', () => {
    const unsafe = files.filter(
      (file) => /^(f|cli|worker|serve|runner)\//.test(file) && /\.unsafe\(/.test(sources.get(file)!),
    )
    expect(unsafe).toEqual(['f/hai/core/migrate.ts'])
  })

  it('lets every wait of a test be as patient as all are', () => {
    const limit = /\btimeout: \d[\d_]{3,}|^ *\}, \d[\d_]{3,}\)$/m
    const own = files.filter((file) => file.startsWith('tests/') && limit.test(sources.get(file)!))
    // where the one limit is said
    expect(own).toEqual(['tests/support/patience.ts'])
  })

  it('has no barrels and no drawers for leftovers', () => {
    expect([...sources].filter(([, text]) => /^export \* from/m.test(text)).map(([file]) => file)).toEqual([])
    expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|misc|types)(\.ts|\/)/.test(file))).toEqual(
      [],
    )
  })
})

/** Statements at the top of a source that are more than a declaration of something. */
async function effectsIn(source: string): Promise<string[]> {
  // printed anew: each begins at column 0, and no text goes over several lines
  const { code } = await transform(source, { loader: 'ts', supported: { 'template-literal': false } })
  const declares = /^(import [\w*{]|export |const |let |var |(async )?function\b|class |[\s)}\]/]|$)/
  return code.split('\n').filter((line) => !declares.test(line))
}

/** Names that a source takes out of its own environment: `process.env.X`, `env.X` and `{ X, Y: y } = process.env`. */
function environmentNames(source: string): string[] {
  const taken = [...source.matchAll(/{([^{}]*)} = process\.env/g)].flatMap(([, list = '']) =>
    [...list.matchAll(/(?<![:\w] ?)\b[A-Z][A-Z0-9_]+\b/g)].map(([name]) => name),
  )
  return [...taken, ...[...source.matchAll(/\benv\.([A-Z][A-Z0-9_]+)/g)].map(([, name = '']) => name)]
}

/** What any door may load. The SDKs of models are none of these: a call loads its own. */
const LIGHT = ['@ai-sdk/provider', 'chrono-node', 'postgres', 'ulid', 'zod']
/** And what these doors alone may: charts, and the page they are on. */
const OF_ONE_FEATURE: Record<string, string[]> = {
  echarts: ['cost/page', 'cost/tell'],
  hono: ['cost/page'],
}

/** The packages that a file loads before it does anything, by itself or by what it imports. */
function packagesOf(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return new Set()
  seen.add(file)
  const text = sources.get(file)!
  const named = [...text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'";]*?from\s+)?'([^'.][^']*)'/gm)]
    .filter(([, type, name]) => type === undefined && !name!.startsWith('node:'))
    .map(([, , name]) => /^(?:@[^/]+\/)?[^/]+/.exec(name!)![0])
  const still = imports.filter(({ from, typeOnly, lazy }) => from === file && !typeOnly && !lazy)
  return new Set([...named, ...still.flatMap(({ to }) => [...packagesOf(to, seen)])])
}

function byImporter(): Map<string, Import[]> {
  const groups = new Map<string, Import[]>()
  for (const one of imports) groups.set(one.from, [...(groups.get(one.from) ?? []), one])
  return groups
}

/** Parameters of `main` that reach the work of its door as they were sent: see core/arguments.ts. */
function asSentIn(source: string): string[] {
  const text = source.slice(source.indexOf('main('))
  const names = piecesOf(text, text.indexOf('(')).map((parameter) => /^\s*(\w+)/.exec(parameter)?.[1] ?? '')
  const [call = ''] = /\b(door|operatorDoor|workerDoor|service|housekeeping|bareDoor)\(/.exec(text) ?? []
  const pieces = piecesOf(text, text.indexOf(call) + call.length - 1)
  const work = call === 'bareDoor(' ? pieces.join() : pieces.slice(1).join()
  const [, own = ''] = /^\s*(?:async )?\(([^)]*)\) =>/.exec(work) ?? []
  const taken = new Set(own.match(/\w+/g))
  return names.filter(
    (name) => name !== '' && !taken.has(name) && new RegExp(`(?<!\\.)\\b${name}\\b`).test(work),
  )
}

/** What stands between the bracket at `open` and its partner, cut at the commas that are in no other bracket. */
function piecesOf(text: string, open: number): string[] {
  const pieces = ['']
  let depth = 0
  for (const char of text.slice(open)) {
    if ('([{'.includes(char)) depth += 1
    if (')]}'.includes(char)) depth -= 1
    if (depth === 0) break
    if (char === ',' && depth === 1) pieces.push('')
    else if (depth > 1 || !'('.includes(char)) pieces[pieces.length - 1] += char
  }
  return pieces
}
