import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')

it('names in its pages only files that are there, and in AGENTS.md every folder of the clone', () => {
  const agents = readFileSync(join(root, 'AGENTS.md'), 'utf8')
  const [, tree = ''] = /^```\n([\s\S]*?)^```/m.exec(agents) ?? []
  const shown = [...tree.matchAll(/^( *)(\S+)/gm)].map(([, indent, name]) =>
    indent ? `f/hai/core/${name}` : name!,
  )
  expect(shown.filter((path) => !existsSync(join(root, path)))).toEqual([])
  const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).split('\n')
  const folders = new Set(tracked.flatMap((file) => /^([^./][^/]*)\//.exec(file)?.[1] ?? []))
  const untold = [...folders].filter((folder) => !shown.some((path) => path.startsWith(`${folder}/`)))
  expect(untold.sort()).toEqual(['dist', 'docs'])
  const texts = ['README.md', 'AGENTS.md', 'docs/walk.md', 'docs/cost.md'].map((file) =>
    readFileSync(join(root, file), 'utf8'),
  )
  const named = texts.flatMap((text) =>
    [...text.matchAll(/`([\w./-]+\/[\w.-]+\.ts)`/g)].map(([, file]) => file!),
  )
  const rooms = ['', 'f/hai/core/']
  const missing = named.filter((file) => !rooms.some((room) => existsSync(join(root, room, file))))
  expect(named.length).toBeGreaterThan(30)
  // an example of what may be written
  expect(missing.filter((file) => file !== 'f/hai/todo/snooze.ts')).toEqual([])
})
