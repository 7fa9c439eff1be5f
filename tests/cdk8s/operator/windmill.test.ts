import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../cdk8s/config/read.ts'
import { windmill } from '../../../cdk8s/operator/windmill.ts'
import { WHITELIST } from '../../../windmill/whitelist.ts'
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

interface Group {
  name: string
  replicas: number
  extraEnv: { name: string; value?: string; valueFrom?: { secretKeyRef: { name: string; key: string } } }[]
  [field: string]: unknown
}
interface Values {
  windmill: { app: { extraEnv: object[] }; workerGroups: Group[] }
}

const SECRETS = { worker_secrets: [{ env: 'NTFY_TOKEN', item: 'ntfy', field: 'token' }] }

function valuesOf(input: object): Values {
  const { content } = windmill(parseConfig({ windmill: input })) as {
    content: Values & { spec?: { values: Values } }
  }
  return content.spec?.values ?? content
}

describe.each(['existing', 'own'])("the values of Windmill's chart for a release that is %s", (release) => {
  const values = valuesOf({ release, doors_replicas: 3, work_replicas: 4, ...SECRETS })
  const groups = values.windmill.workerGroups
  const env = (name: string) =>
    Object.fromEntries(groups.find((group) => group.name === name)!.extraEnv.map((one) => [one.name, one]))

  it('have two groups of their own with the tags that the server is told of', () => {
    expect(
      groups.filter(({ name }) => name !== 'default').map(({ name, replicas }) => [name, replicas]),
    ).toEqual([
      ['hai', 3],
      ['hai-work', 4],
    ])
    expect(env('hai').WORKER_TAGS!.value).toBe('hai')
    expect(env('hai-work').WORKER_TAGS!.value).toBe('hai-work')
    expect(values.windmill.app.extraEnv).toContainEqual({ name: 'CUSTOM_TAGS', value: 'hai,hai-work' })
    expect(env('hai-work').MAX_WAIT_FOR_SIGINT!.value).toBe('10')
  })

  it('show jobs what hai reads, and keys only to those that take long', () => {
    const shown = (name: string) => env(name).WHITELIST_ENVS!.value!.split(',')
    expect(shown('hai')).toEqual(WHITELIST)
    expect(shown('hai-work')).toEqual([...WHITELIST, 'NTFY_TOKEN'])
    const secret = objectIn(aTree({ windmill: SECRETS }), 'ExternalSecret', 'hai-windmill')
    const keys = Object.keys((secret.spec as { target: { template: { data: object } } }).target.template.data)
    const taken = (name: string) =>
      Object.values(env(name)).flatMap(({ valueFrom }) => (valueFrom ? [valueFrom.secretKeyRef] : []))
    expect(taken('hai')).toEqual([{ name: 'hai-windmill', key: 'HAI_DATABASE_URL' }])
    expect(taken('hai-work').map(({ key }) => key)).toEqual(keys)
  })

  it('let no pod that runs scripts be root, gain rights or hold a token', () => {
    for (const group of groups) {
      expect(group).toMatchObject({
        privileged: false,
        podSecurityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        containerSecurityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      })
      expect(group.extraEnv).toContainEqual({ name: 'HOME', value: '/tmp' })
      if (group.name !== 'default') expect(group.serviceAccountName).toBe('hai-windmill-workers')
    }
  })

  it('leave the group of all others without the database', () => {
    const others = groups.filter(({ name }) => name === 'default')
    expect(others).toHaveLength(release === 'own' ? 1 : 0)
    expect(JSON.stringify(others)).not.toContain('HAI_DATABASE_URL')
  })
})

it('puts no password of the database anywhere but where CloudNativePG and the address of the workers need it', () => {
  const tree = aTree({ database: { kind: 'existing', cluster: 'postgres' }, windmill: SECRETS })
  const asking = tree.entries
    .filter(({ object }) => object.kind === 'ExternalSecret')
    .filter(({ object }) => JSON.stringify(object.spec).includes('"property":"password"'))
  expect(asking.map(({ object }) => object.metadata.name).sort()).toEqual(['hai-database', 'hai-windmill'])
  for (const files of [tree.files, aTree().files])
    for (const [file, text] of files)
      expect(text, file).not.toMatch(/inRoles|pg_read_all_data|HAI_DB_PASSWORD/)
})

it.each<[object, string]>([
  [{ worker_secrets: [...SECRETS.worker_secrets, ...SECRETS.worker_secrets] }, 'expected each env once'],
  ...['HAI_DATABASE_URL', 'WORKER_TAGS', 'WHITELIST_ENVS', 'DATABASE_URL', 'HOME', 'WM_TOKEN'].map(
    (env): [object, string] => [
      { worker_secrets: [{ env, item: 'a', field: 'b' }] },
      `windmill.worker_secrets.0.env: "${env}"`,
    ],
  ),
  [{ reaches: [{ namespace: 'ai', pods: {}, port: 80 }] }, 'expected at least one label'],
  [{ callers: [{ namespace: 'ai', pods: {} }] }, 'expected at least one label'],
  [{ worker_pods: {} }, 'expected at least one label'],
  [{ service_account: 'windmill' }, 'windmill.service_account is no field'],
])('refuses %j', (input, said) => {
  expect(() => parseConfig({ windmill: input })).toThrow(said)
})

it('refuses an issuer that is nowhere', () => {
  expect(() => parseConfig({ edge: { kind: 'oauth2-proxy', issuer: 'outside' } })).toThrow(
    'edge.issuer: "outside" is not accepted; expected gateway, internet, or pods',
  )
})
