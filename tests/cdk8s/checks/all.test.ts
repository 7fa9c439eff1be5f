import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../cdk8s/charts/manifest-file.ts'
import { problemsOf } from '../../../cdk8s/checks/all.ts'
import { yamlStyle } from '../../../cdk8s/checks/files.ts'
import type { Tree } from '../../../cdk8s/tree.ts'
import { aTree, objectIn } from '../configurations.ts'

/** What is said about the default tree after something in it was broken. */
function saidAfter(breaking: (tree: Tree) => void): string {
  const tree = aTree()
  breaking(tree)
  return [problemsOf, yamlStyle]
    .flatMap((check) => check(tree).map(({ where, what }) => `${where}: ${what}`))
    .join('\n')
}

/** A place in an object, as deep as it may lie. */
function at(object: unknown, ...path: (string | number)[]): Record<string, unknown> {
  return path.reduce<unknown>(
    (value, key) => (value as Record<string | number, unknown>)[key],
    object,
  ) as Record<string, unknown>
}

const POD = ['spec', 'template', 'spec'] as const
const proxy = (tree: Tree): KubeObject => objectIn(tree, 'Deployment', 'hai-oauth2-proxy')
const container = (tree: Tree) => at(proxy(tree), ...POD, 'containers', 0)

const BREAKAGES: [string, (tree: Tree) => void, string][] = [
  [
    'an object that stands twice',
    (tree) => tree.entries.push(tree.entries[0]!),
    'stands in kubernetes/apps/home/hai/app/',
  ],
  [
    'a key that a Secret does not have',
    (tree) => {
      at(objectIn(tree, 'ExternalSecret', 'hai-oauth2-proxy'), 'spec', 'data', 0).secretKey = 'OTHER'
    },
    'names the key CLIENT_SECRET of Secret hai-oauth2-proxy, which has only OTHER, COOKIE_SECRET',
  ],
  [
    'a backend that is nowhere',
    (tree) => {
      at(objectIn(tree, 'HTTPRoute', 'hai'), 'spec', 'rules', 0, 'backendRefs', 0).name = 'hai-proxy'
    },
    'names Service home/hai-proxy, which is nowhere',
  ],
  [
    'a port that a Service does not have',
    (tree) => {
      at(objectIn(tree, 'HTTPRoute', 'hai'), 'spec', 'rules', 0, 'backendRefs', 0).port = 80
    },
    'names the port 80 of hai-oauth2-proxy',
  ],
  [
    'a policy for pods that nobody has',
    (tree) => {
      at(objectIn(tree, 'CiliumNetworkPolicy', 'hai-watchdog-allow'), 'spec').endpointSelector = {
        matchLabels: { 'app.kubernetes.io/name': 'hai-dog' },
      }
    },
    'selects pods that nobody has: {"app.kubernetes.io/name":"hai-dog"}',
  ],
  [
    'a policy without a rule',
    (tree) => {
      delete at(objectIn(tree, 'CiliumNetworkPolicy', 'hai-watchdog-allow'), 'spec').egress
    },
    'a policy without a rule is refused by Cilium',
  ],
  [
    'a variable that is not the domain',
    (tree) => {
      at(objectIn(tree, 'ConfigMap', 'hai-watchdog'), 'data')['watchdog.sh'] = `curl \${body}`
    },
    `\${body} is none of Flux's variables`,
  ],
  [
    'the domain in a command',
    (tree) => {
      container(tree).command = ['proxy', `--host=\${SECRET_DOMAIN}`]
    },
    'stands in a command; use the environment',
  ],
  [
    'an image without a digest',
    (tree) => {
      container(tree).image = 'quay.io/oauth2-proxy/oauth2-proxy:v7.15.5'
    },
    'spec.template.spec.containers.0.image',
  ],
  [
    'a container that may become root',
    (tree) => {
      at(container(tree), 'securityContext').allowPrivilegeEscalation = true
    },
    'securityContext.allowPrivilegeEscalation',
  ],
  [
    'a pod without seccomp',
    (tree) => {
      delete at(proxy(tree), ...POD, 'securityContext').seccompProfile
    },
    'securityContext.seccompProfile',
  ],
  [
    'a route with neither a backend nor an answer of its own, which only the API server’s expressions refuse',
    (tree) => {
      delete at(objectIn(tree, 'HTTPRoute', 'hai'), 'spec', 'rules', 0).backendRefs
    },
    'expected a backend with a timeout, or a filter that answers by itself',
  ],
  [
    'a job whose pod takes a token of the API server',
    (tree) => {
      delete at(objectIn(tree, 'CronJob', 'hai-watchdog'), 'spec', 'jobTemplate', ...POD)
        .automountServiceAccountToken
    },
    'spec.jobTemplate.spec.template.spec.automountServiceAccountToken',
  ],
  [
    'a login that comes back to another host',
    (tree) => {
      const env = container(tree).env as unknown as { name: string; value: string }[]
      env.find(({ name }) => name.endsWith('REDIRECT_URL'))!.value = 'https://hai.example.org/oauth2/callback'
    },
    `names the host hai.example.org and not hai.\${SECRET_DOMAIN}`,
  ],
  [
    'a rewritten prefix with two matches, which only the API server’s expressions refuse',
    (tree) => {
      const rules = at(objectIn(tree, 'HTTPRoute', 'hai-api'), 'spec').rules as unknown as {
        matches: object[]
      }[]
      const rewritten = rules.find((rule) => JSON.stringify(rule).includes('ReplacePrefixMatch'))!
      rewritten.matches.push(rewritten.matches[0]!)
    },
    'replacePrefixMatch needs exactly one match',
  ],
  [
    'a file that kustomize is not told of',
    (tree) => {
      tree.files.set('kubernetes/apps/home/hai/app/extra.yaml', '---\nkind: ConfigMap\n')
    },
    'does not list kubernetes/apps/home/hai/app/extra.yaml',
  ],
  [
    'a Flux Kustomization of a folder that is not there',
    (tree) => {
      at(objectIn(tree, 'Kustomization', 'hai'), 'spec').path = './kubernetes/apps/home/hai'
    },
    'builds ./kubernetes/apps/home/hai, which is not there',
  ],
  [
    'a secret in a file',
    (tree) => {
      tree.files.set(
        'kubernetes/apps/home/hai/operator/clients.yaml',
        `---\nclient_secret: "$pbkdf2-sha512$310000$c2FsdA$a2V5"\n`,
      )
    },
    'holds what looks like a secret',
  ],
  [
    'a password in an environment',
    (tree) => {
      tree.files.set(
        'kubernetes/apps/home/hai/operator/x.yaml',
        '---\nenv:\n  - name: DB_PASSWORD\n    value: hunter2\n',
      )
    },
    'DB_PASSWORD has a value of its own',
  ],
  [
    'a password in an environment, its value first',
    (tree) => {
      const pod = at(objectIn(tree, 'Deployment', 'hai-oauth2-proxy'), 'spec', 'template', 'spec')
      at(pod, 'containers', 0).env = [{ value: 'hunter2', name: 'DB_PASSWORD' }]
    },
    'DB_PASSWORD has a value of its own',
  ],
  [
    'a token in the data of an object',
    (tree) => {
      const board = objectIn(tree, 'ConfigMap', 'hai-dashboard') as { data?: Record<string, string> }
      board.data = { ...board.data, API_TOKEN: 'hunter2' }
    },
    'API_TOKEN has a value of its own',
  ],
  [
    'YAML that a linter refuses',
    (tree) => {
      tree.files.set('kubernetes/apps/home/hai/operator/x.yaml', "key: 'single'\nflag: yes\n")
    },
    'line 1 has single quotes',
  ],
]

describe('a check', () => {
  it.each(BREAKAGES)('notices %s', (_name, breaking, said) => {
    expect(saidAfter(breaking)).toContain(said)
  })

  it('notices a grant that is missing, when Windmill lies in another namespace', () => {
    const tree = aTree({ windmill: { namespace: 'windmill' } })
    tree.entries = tree.entries.filter(({ object }) => object.kind !== 'ReferenceGrant')
    const said = problemsOf(tree).map(({ what }) => what)
    expect(said).toContain('needs a ReferenceGrant in windmill for windmill-app')
  })
})
