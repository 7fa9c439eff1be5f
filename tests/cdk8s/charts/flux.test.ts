import { describe, expect, it } from 'vitest'
import { problemsOf } from '../../../cdk8s/checks/all.ts'
import { aTree, before, ELSEWHERE, kustomizations, MATRIX, objectIn, WITH_BACKUP } from '../configurations.ts'

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

describe('what is said to Flux', () => {
  const spec = (input: object, name: string) => objectIn(aTree(input), 'Kustomization', name).spec as object

  it('is given components for the app and labels for all', () => {
    const flux = {
      components: ['../../../../components/gatus'],
      common_labels: { 'app.kubernetes.io/name': 'hai' },
    }
    expect(spec({ flux }, 'hai')).toMatchObject({ components: flux.components })
    expect(spec({ flux }, 'hai-database')).not.toHaveProperty('components')
    for (const name of ['hai', 'hai-database', 'hai-watchdog']) {
      expect(spec({ flux }, name)).toMatchObject({ commonMetadata: { labels: flux.common_labels } })
    }
    expect(problemsOf(aTree({ flux }))).toEqual([])
  })

  it('may keep all Kustomizations in one namespace; what they build stays where it was', () => {
    const tree = aTree({ flux: { namespace: 'flux-system' } })
    expect(problemsOf(tree)).toEqual([])
    const { metadata, spec } = objectIn(tree, 'Kustomization', 'hai-watchdog')
    expect(metadata.namespace).toBe('flux-system')
    expect(spec).toMatchObject({
      targetNamespace: 'home',
      dependsOn: [{ name: 'hai', namespace: 'flux-system' }],
    })
  })
})
