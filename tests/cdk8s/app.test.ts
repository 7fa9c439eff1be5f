import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { aTree, before, ELSEWHERE, kustomizations, MATRIX } from './configurations.ts'

describe('the layout', () => {
  it.each(MATRIX)('is one folder, with one Flux Kustomization for each part: $name', ({ input }) => {
    const { files, home, lists, entries } = aTree(input)
    for (const file of files.keys()) expect(file).toMatch(new RegExp(`^${home}/[\\w./-]+$`))
    const parts = [...kustomizations(input).values()].map(({ path }) => path.slice(2))
    expect(lists.map(({ folder }) => folder).sort()).toEqual([...parts, home].sort())
    for (const { path, targetNamespace } of kustomizations(input).values()) {
      const there = entries.filter(({ file }) => `./${file}`.startsWith(`${path}/`))
      expect(there.length).toBeGreaterThan(0)
      expect(there.map(({ object }) => object.metadata.namespace)).toEqual(there.map(() => targetNamespace))
    }
  })

  it('keeps Flux out of what is no manifest: the folder has a list of its own, which names ks.yaml alone', () => {
    const { files, home } = aTree()
    expect(parse(files.get(`${home}/kustomization.yaml`)!).resources).toEqual(['./ks.yaml'])
  })

  it('lies below flux.path, wherever that is', () => {
    const input = { namespace: 'ai', flux: { path: './clusters/main/apps' } }
    expect(aTree(input).home).toBe('clusters/main/apps/ai/hai')
    expect(kustomizations(input).get('hai')!.path).toBe('./clusters/main/apps/ai/hai/app')
  })

  it('says a part’s namespace once, in its list, and the name of each object before all else', () => {
    const { files, home } = aTree()
    expect(parse(files.get(`${home}/database/kustomization.yaml`)!).namespace).toBe('databases')
    const text = files.get(`${home}/database/database.yaml`)!
    expect(text).toMatch(/^apiVersion: .*\nkind: Cluster\nmetadata:\n {2}name: hai\n/m)
    expect(text).not.toContain('namespace:')
  })

  it('keeps apart what waits for a token: neither the app nor its alerts know of it', () => {
    const { files, home } = aTree(ELSEWHERE)
    const app = [...files].filter(([file]) => file.startsWith(`${home}/app/`)).map(([, text]) => text)
    expect(app.join()).not.toMatch(/kind: CronJob|HaiNotWell|key: hai-(machine|watchdog)/)
    expect(before({}, 'hai-watchdog')).toEqual(['home/hai'])
    expect(before(ELSEWHERE, 'hai-worker')).toEqual(['home/hai'])
  })
})

it('keeps the database and all that it lives by when hai is taken away', () => {
  const kept = ({ metadata }: { metadata: { annotations?: Record<string, string> } }) =>
    metadata.annotations?.['kustomize.toolkit.fluxcd.io/prune'] === 'disabled'
  for (const { file, object } of aTree().entries) {
    expect(kept(object), `${object.kind} ${object.metadata.name}`).toBe(file.includes('/database/'))
  }
})
