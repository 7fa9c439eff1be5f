import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { projectRoot } from '../../../runner/root.ts'
import { readDoors, readScripts } from '../../../windmill/bundle.ts'
import { stageDoors } from '../../../windmill/stage/door.ts'
import { OccupiedFolder, stageBundle, writeBundle } from '../../../windmill/stage/stage.ts'
import { configureWmill, wmill } from '../../../windmill/wmill.ts'
import { bundleFolder } from '../../runner/bundle-folder.ts'
import { StandIn } from '../stand-in.ts'

/** Kilobytes of a door as it goes to a server: of the largest, and of the one in the middle. */
const LARGEST = 700
const MEDIAN = 70

const WORKING = ['f/hai/worker/run', 'f/hai/task/wait', 'f/hai_routes/chat']
const READING = [
  'f/hai/inbox',
  'f/hai_routes/inbox',
  'f/hai/task/retry',
  'f/hai/todo/run',
  'f/hai/worker/claim',
]
const WRITING = ['add', 'update'].flatMap((verb) => [`f/hai/todo/${verb}`, `f/hai_routes/todo/${verb}`])

/** What is large, by something that stands in it, and the doors that have a use for it. */
const LARGE: Record<string, { mark: RegExp; doors: string[] }> = {
  'texts of migrations': { mark: /create table hai\./, doors: ['f/hai/admin/migrate'] },
  'list prices': {
    mark: /"starts_with":"claude/,
    doors: [
      ...WORKING,
      ...['model/list', 'model/test', 'admin/health', 'worker/step'].map((door) => `f/hai/${door}`),
      ...['reserve', 'settle', 'record', 'rollup'].map((verb) => `f/hai/cost/${verb}`),
    ],
  },
  'a reader of dates': {
    mark: /^import .* from "chrono-node/m,
    doors: [...WORKING, ...READING, ...WRITING, 'f/hai_routes/todo/drop', 'f/hai/todo/skip'],
  },
  'what a model is asked with': { mark: /import\("@ai-sdk/, doors: [...WORKING, 'f/hai/model/test'] },
  'what hai answers itself': { mark: /f\/hai\/core\/builtin\/table\.ts/, doors: [...WORKING, ...READING] },
}

const folder = mkdtempSync(join(tmpdir(), 'hai-bundle-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('the project as it goes to a server', () => {
  const staged = join(folder, 'staged')
  beforeAll(() => stageBundle(projectRoot(), staged, { onePool: false }))
  const files = () => readdirSync(staged, { recursive: true, encoding: 'utf8' })
  const text = (file: string) => readFileSync(join(staged, file), 'utf8')
  const yaml = (file: string) => parse(text(file))

  it('is doors, each in one file, and no library', () => {
    const paths = (root: string) => readDoors(root).map(({ path }) => path)
    expect(paths(staged)).toEqual(paths(projectRoot()))
    expect(readScripts(staged)).toHaveLength(paths(staged).length)
    for (const { path, code } of readScripts(staged)) {
      expect({ path, relative: /from ['"]\./.test(code) }).toEqual({ path, relative: false })
      expect(code.split('\n').slice(0, 2)).toEqual([
        '// package_json:',
        `// @ts-nocheck made by npm run bundle from ${path}.ts`,
      ])
    }
  })

  it('keeps each door’s own text to the letter', () => {
    const own = readFileSync(join(projectRoot(), 'f/hai/todo/add.ts'), 'utf8')
      .replace(/^import .*\n/gm, '')
      .trim()
    expect(text('f/hai/todo/add.ts')).toContain(`\n${own}\n`)
  })

  it('locks what a door needs at the versions of package-lock.json, heavy packages where they are used', () => {
    const needs = (door: string) =>
      Object.keys(JSON.parse(text(`${door}.script.lock`).split('\n//bun.lock\n')[0]!).dependencies)
    expect(needs('f/hai/worker/run')).toContain('@ai-sdk/anthropic')
    expect(needs('f/hai/cost/page')).toContain('echarts')
    const heavy = readDoors(staged).filter(({ path }) => needs(path).includes('echarts'))
    expect(heavy.map(({ path }) => path)).toEqual(['f/hai/cost/page', 'f/hai/cost/tell'])
    expect(needs('f/hai/task/list')).toEqual(expect.arrayContaining(['postgres', 'zod']))
  })

  it('has in a door what the door needs, and nothing that is large', () => {
    const sizes = readDoors(staged)
      .map(({ path, code }) => ({ path, kilobytes: Math.ceil(Buffer.byteLength(code) / 1000) }))
      .toSorted((a, b) => b.kilobytes - a.kilobytes)
    const named = sizes.slice(0, 12).map(({ path, kilobytes }) => `${path} ${kilobytes}`)
    expect(sizes[0]!.kilobytes, named.join(', ')).toBeLessThanOrEqual(LARGEST)
    expect(sizes[sizes.length >> 1]!.kilobytes, named.join(', ')).toBeLessThanOrEqual(MEDIAN)
    for (const [what, { mark, doors }] of Object.entries(LARGE)) {
      const having = readDoors(staged).filter(({ code }) => mark.test(code))
      expect(having.map(({ path }) => path).toSorted(), what).toEqual(doors.toSorted())
    }
  })

  it('takes zod by parts, but beside a package that is loaded later and brings it along', () => {
    const whole = readDoors(staged).filter(({ code }) => /^import { z\b.* } from "zod";$/m.test(code))
    expect(whole.map(({ path }) => path).toSorted()).toEqual([...WORKING, 'f/hai/model/test'].toSorted())
    expect(text('f/hai/todo/list.ts')).toMatch(/^import \* as z\b.* from "zod";$/m)
  })

  it('makes no schema that nobody uses', () => {
    // of the file that every door has for the members there are at first
    expect(text('f/hai/config/show.ts')).toMatch(/\bMembers = z/)
    expect(text('f/hai/todo/list.ts')).toContain('DEFAULT_MEMBERS = ')
    expect(text('f/hai/todo/show.ts')).not.toMatch(/\bMembers = z/)
  })

  it('runs doors where the tag hai is served, work where hai-work is', () => {
    expect(yaml('f/hai/inbox.script.yaml').tag).toBe('hai')
    expect(yaml('f/hai/worker/run.script.yaml').tag).toBe('hai-work')
  })

  it('has what belongs to it in the form in which a server gives it back, and no folder’s rights', () => {
    expect(yaml('f/hai/http/task/show.http_trigger.yaml')).toMatchObject({
      mode: 'enabled',
      route_path: 'hai/admin/tasks/:id',
      route_path_key: 'hai/admin/tasks/:key',
    })
    expect(yaml('f/hai/worker/sweep.schedule.yaml')).toMatchObject({ no_flow_overlap: false })
    expect(yaml('f/hai/ask__flow/flow.yaml').value.modules.at(-1).value.lock).toBe('!inline show_it.lock')
    expect(files().filter((file) => file.endsWith('folder.meta.yaml'))).toEqual([])
    expect(yaml('wmill.yaml')).toMatchObject({ skipFolders: true, syncBehavior: 'v1' })
  })

  it('passes the linter of the official CLI', async () => {
    const linted = await wmill(['lint', '--locks-required'], { cwd: staged, configDir: folder })
    expect(linted.stdout + linted.stderr).toContain('Lint passed')
    expect(linted.code).toBe(0)
  })

  it('is the same wherever and whenever it is made', async () => {
    const again = join(folder, 'again')
    await stageBundle(projectRoot(), again, { onePool: false })
    for (const file of files().filter((name) => /\.\w+$/.test(name)))
      expect(readFileSync(join(again, file), 'utf8') === text(file)).toBe(true)
  })

  it('is not written over what somebody has', async () => {
    const taken = join(folder, 'taken')
    mkdirSync(taken)
    writeFileSync(join(taken, 'mine.txt'), 'x')
    await expect(writeBundle(projectRoot(), taken, { onePool: false })).rejects.toThrow(OccupiedFolder)
    expect(readdirSync(taken)).toEqual(['mine.txt'])
  })
})

describe('a push from the checkout itself', () => {
  it('changes nothing on a server, whatever is there', async () => {
    const windmill = await new StandIn().start()
    try {
      windmill.scripts.set('f/hai/inbox', { path: 'f/hai/inbox', content: 'old', language: 'bun' })
      windmill.variables.set('f/mine/token', { path: 'f/mine/token', value: 'x' })
      windmill.resourceTypes.set('c_mine', { name: 'c_mine', path: 'c_mine', schema: {} })
      const configDir = join(folder, 'config')
      configureWmill(configDir, { endpoint: windmill.endpoint, workspace: 'homelab', token: windmill.token })
      const pushed = await wmill(['sync', 'push', '--yes'], { cwd: projectRoot(), configDir })
      expect({ code: pushed.code, changes: windmill.changes }).toEqual({ code: 0, changes: [] })
    } finally {
      windmill.stop()
    }
  })
})

describe('a door in one file', () => {
  const bundle = (files: Record<string, string>) => {
    const { root } = bundleFolder(files)
    copyFileSync(join(projectRoot(), 'package-lock.json'), join(root, 'package-lock.json'))
    return root
  }
  const staged = async (door: string, core: Record<string, string> = {}): Promise<string> => {
    const root = bundle({ 'f/hai/door.ts': door, ...core })
    const [made] = await stageDoors(root, [{ path: 'f/hai/door', code: door }])
    if (typeof made !== 'string') throw made
    return made
  }

  it('calls what it imported, also where two files use one name for different things', async () => {
    const code = await staged(
      "import { one as first } from './core/one.ts'\nimport { type Two, two } from './core/two.ts'\nexport async function main(n: Two) {\n  return [first(n), two(n)]\n}\n",
      {
        'f/hai/core/one.ts': "const same = 'one'\nexport const one = (n: number) => same + n\n",
        'f/hai/core/two.ts':
          "export type Two = number\nconst same = 'two'\nexport const two = (n: number) => same + n\n",
      },
    )
    const file = join(folder, 'door.ts')
    writeFileSync(file, code)
    const { main } = await import(file)
    expect(await main(7)).toEqual(['one7', 'two7'])
  })

  it('hoists packages, and leaves out those that nobody uses', async () => {
    const code = await staged(
      "import { id } from './core/id.ts'\nexport async function main() {\n  return id()\n}\n",
      {
        'f/hai/core/id.ts':
          "import { ulid } from 'ulid'\nimport { other } from './other.ts'\nexport const id = () => ulid()\nexport const more = other\n",
        'f/hai/core/other.ts': "import postgres from 'postgres'\nexport const other = () => postgres()\n",
      },
    )
    expect(code.match(/^import .*/gm)).toEqual(['import { ulid } from "ulid";'])
  })

  it.each([
    ["import * as core from 'A'\nexport async function main() {\n  return core\n}\n"],
    ["import 'A'\nexport async function main() {}\n"],
    ["import a from 'A'\nexport async function main() {\n  return a\n}\n"],
    ["export * from 'A'\nexport async function main() {}\n"],
    ["import { z } from 'zod'\nexport async function main() {\n  return z\n}\n"],
    ["export async function main() {\n  return import('A')\n}\n"],
  ])('is refused when it imports otherwise than by name from the bundle: %j', async (door) => {
    const a = 'export const a = 1\nexport default a\n'
    const text = door.replace("'A'", "'./core/a.ts'")
    await expect(staged(text, { 'f/hai/core/a.ts': a })).rejects.toThrow('in another way than by name')
  })
})
