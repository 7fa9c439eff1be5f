import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../cdk8s/config/read.ts'
import { windmill } from '../../../cdk8s/operator/windmill.ts'
import { WHITELIST } from '../../../windmill/whitelist.ts'
import { aTree, objectIn } from '../configurations.ts'

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
