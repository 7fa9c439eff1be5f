import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { aTree, ELSEWHERE, MATRIX, WITH_BACKUP } from './configurations.ts'

interface Spec {
  path: string
  targetNamespace: string
  dependsOn?: { name: string; namespace: string }[]
  healthChecks?: { kind: string }[]
  healthCheckExprs?: { kind: string; current: string }[]
}

const kustomizations = (input: object = {}) => {
  const { entries } = aTree(input)
  const flux = entries.filter(({ object }) => object.kind === 'Kustomization')
  return new Map(flux.map(({ object }) => [object.metadata.name, object.spec as Spec]))
}

const before = (input: object, name: string) =>
  (kustomizations(input).get(name)!.dependsOn ?? []).map((one) => `${one.namespace}/${one.name}`)

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

describe('a Flux Kustomization', () => {
  it.each([...MATRIX.map(({ input }) => input), WITH_BACKUP])(
    'says of each kind it waits for when it is there; Flux knows it of a Deployment only',
    (input) => {
      for (const [name, { healthChecks = [], healthCheckExprs = [] }] of kustomizations(input)) {
        const kinds = new Set(healthChecks.map(({ kind }) => kind).filter((kind) => kind !== 'Deployment'))
        expect(new Set(healthCheckExprs.map(({ kind }) => kind)), name).toEqual(kinds)
        // a status that is not there yet must not be an error for ever
        for (const { current } of healthCheckExprs) expect(current).toMatch(/^has\(status\.\w+\) && /)
      }
    },
  )

  it('comes after what the configuration names', () => {
    expect(before({}, 'hai')).toEqual([
      'auth/authelia',
      'external-secrets/onepassword-connect',
      'home/windmill',
      'home/hai-database',
      'home/hai-windmill',
    ])
    const input = {
      windmill: { namespace: 'windmill' },
      secrets: { store: 'onepassword', store_namespace: 'security' },
      edge: { kind: 'envoy-extauth', namespace: 'sso' },
      database: { kind: 'cluster', operator_namespace: 'database' },
    }
    expect(before(input, 'hai').slice(0, 3)).toEqual([
      'sso/authelia',
      'security/onepassword',
      'windmill/windmill',
    ])
    expect(before(input, 'hai-database')).toEqual(['security/onepassword', 'database/cloudnative-pg'])
  })

  it('waits for no Authelia where the login is elsewhere', () => {
    const edge = { kind: 'oauth2-proxy' }
    expect(before({ edge }, 'hai')).toContain('auth/authelia')
    const elsewhere = [
      { issuer: 'internet' },
      { issuer_host: 'login.example.com' },
      { issuer: { namespace: 'security', pods: { 'app.kubernetes.io/name': 'kanidm' }, port: 8443 } },
    ]
    for (const one of elsewhere)
      expect(before({ edge: { ...edge, ...one } }, 'hai')).not.toContain('auth/authelia')
  })

  it('comes after nothing of the cluster’s when the lists are empty', () => {
    const flux = { depends_on: [], database_depends_on: [] }
    expect(before({ flux }, 'hai')).toEqual(['home/hai-database', 'home/hai-windmill'])
    expect(before({ flux }, 'hai-database')).toEqual([])
  })

  it('brings Windmill’s secret before Windmill is waited for', () => {
    expect(before(ELSEWHERE, 'hai-windmill')).toEqual([])
  })
})
