import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../cdk8s/config/read.ts'
import { aTree, objectIn } from '../configurations.ts'

interface Selector {
  matchLabels: Record<string, string>
}
interface Policy {
  endpointSelector: Selector
  ingress?: { fromEndpoints?: Selector[]; fromEntities?: string[] }[]
  egress?: { toEndpoints?: Selector[]; toEntities?: string[]; toPorts: { ports: { port: string }[] }[] }[]
}

const policy = (name: string, input: object = {}): Policy =>
  objectIn(aTree(input), 'CiliumNetworkPolicy', name).spec as Policy

/** Whom a policy lets out to, as labels, or entities, and the port. */
const leadsTo = (name: string, input: object = {}) =>
  (policy(name, input).egress ?? []).map(({ toEndpoints, toEntities, toPorts }) => [
    toEntities?.[0] ?? Object.values(toEndpoints![0]!.matchLabels).sort().join(' '),
    toPorts[0]!.ports[0]!.port,
  ])

const REACHES = { reaches: [{ namespace: 'ai', pods: { app: 'ollama' }, port: 11434 }], internet: true }

describe("the workers of hai's groups", () => {
  it('are all whom a policy touches: the other groups of Windmill are none of its business', () => {
    const tree = aTree({ windmill: REACHES })
    const selected = tree.entries
      .filter(({ object }) => object.kind === 'CiliumNetworkPolicy')
      .flatMap(({ object }) => {
        const { endpointSelector, ingress = [] } = object.spec as Policy
        return [endpointSelector, ...ingress.flatMap(({ fromEndpoints }) => fromEndpoints ?? [])]
      })
      .filter(({ matchLabels }) => matchLabels['app.kubernetes.io/name'] === 'windmill-workers')
      .map(({ matchLabels }) => matchLabels.workerGroup)
    expect(selected.sort()).toEqual(['hai', 'hai', 'hai-work', 'hai-work'])
  })

  it('reach the database, and only those of hai-work what the settings name', () => {
    const database = ['databases hai', '5432']
    expect(leadsTo('hai-windmill-doors', { windmill: REACHES }).slice(1)).toEqual([database])
    expect(leadsTo('hai-windmill-work', { windmill: REACHES }).slice(1)).toEqual([
      database,
      ['ai ollama', '11434'],
      ['world', '443'],
    ])
    expect(leadsTo('hai-windmill-work').slice(1)).toEqual([database])
  })

  it('have no way to the API server of the cluster, and an account without a token', () => {
    for (const name of ['hai-windmill-doors', 'hai-windmill-work']) {
      expect(leadsTo(name, { windmill: REACHES }).map(([to]) => to)).not.toContain('kube-apiserver')
    }
    expect(objectIn(aTree(), 'ServiceAccount', 'hai-windmill-workers')).toMatchObject({
      automountServiceAccountToken: false,
    })
    expect(aTree().entries.filter(({ object }) => object.kind.startsWith('Role'))).toEqual([])
  })
})

describe('whom Windmill and the proxy let in', () => {
  const admitted = (name: string, input: object) =>
    policy(name, input).ingress!.flatMap(({ fromEndpoints }) => fromEndpoints ?? [])

  it("are the pods of hai's gateway, told from those of every other one, wherever they run", () => {
    for (const name of ['hai-windmill-app', 'hai-oauth2-proxy-allow']) {
      const [first] = admitted(name, {
        gateway: { name: 'external', pods_namespace: 'envoy-gateway-system' },
      })
      expect(first!.matchLabels).toEqual({
        'io.kubernetes.pod.namespace': 'envoy-gateway-system',
        'app.kubernetes.io/name': 'envoy',
        'gateway.envoyproxy.io/owning-gateway-name': 'external',
        'gateway.envoyproxy.io/owning-gateway-namespace': 'network',
      })
      const [merged] = admitted(name, { gateway: { pods: { app: 'envoy' } } })
      expect(merged!.matchLabels).toEqual({ 'io.kubernetes.pod.namespace': 'network', app: 'envoy' })
    }
  })

  it('are the callers that the settings name', () => {
    const callers = [{ namespace: 'observability', pods: { app: 'alertmanager' } }]
    expect(admitted('hai-windmill-app', { windmill: { callers } }).at(-1)!.matchLabels).toEqual({
      'io.kubernetes.pod.namespace': 'observability',
      app: 'alertmanager',
    })
  })

  it('are the kubelet of this node, and those of all nodes where all else is denied', () => {
    const nodes = (style: string) =>
      policy('hai-oauth2-proxy-allow', { network_policy: { style } }).ingress!.flatMap(
        ({ fromEntities }) => fromEntities ?? [],
      )
    expect(nodes('additive')).toEqual(['host'])
    expect(nodes('default-deny')).toEqual(['host', 'remote-node'])
  })
})

it.each([
  ['gateway', ['envoy internal network network', '10443']],
  ['internet', ['world', '443']],
  [{ namespace: 'auth', pods: { app: 'kanidm' }, port: 8443 }, ['auth kanidm', '8443']],
])('lets the proxy find its issuer: %j', (issuer, leads) => {
  const to = leadsTo('hai-oauth2-proxy-allow', { edge: { kind: 'oauth2-proxy', issuer } })
  expect(to).toHaveLength(3)
  expect(to.at(-1)).toEqual(leads)
})

it('refuses an issuer that is nowhere', () => {
  expect(() => parseConfig({ edge: { kind: 'oauth2-proxy', issuer: 'outside' } })).toThrow(
    'edge.issuer: "outside" is not accepted; expected gateway, internet, or pods',
  )
})
