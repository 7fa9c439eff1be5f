import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { PassThrough } from 'node:stream'
import { Command } from 'commander'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { problemsOf } from '../../../cdk8s/checks/all.ts'
import { parseConfig } from '../../../cdk8s/config/read.ts'
import { treeOf } from '../../../cdk8s/tree.ts'
import { addGitops } from '../../../cli/commands/gitops.ts'
import {
  type InitOptions,
  lineFor,
  planInit,
  refuseOthers,
  settled,
  writeSettings,
} from '../../../cli/gitops/init.ts'
import { settingsText } from '../../../cli/gitops/settings.ts'
import { Session } from '../../../cli/session.ts'
import { FakeIo, until } from '../run-hai.ts'
import { APPS, DOMAIN, flux, gateway, REPOSITORY, release } from './flux-repository.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hai-init-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function repository(files = REPOSITORY): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
}

/** The settings with every question answered by its fallback, but for these. */
function settings(options: InitOptions = {}, answers: Record<string, string | boolean> = {}) {
  const plan = planInit(folder, options)
  const fallbacks = Object.fromEntries(plan.questions.map(({ field, fallback }) => [field, fallback]))
  return settled(plan, options, { ...fallbacks, ...answers })
}
const config = (...said: Parameters<typeof settings>) => parse(settingsText(settings(...said)))

describe('a look at a Flux repository', () => {
  beforeEach(() => repository())

  it('finds what hai must be told, and says in which file', () => {
    expect(config()).toMatchObject({
      domain: DOMAIN,
      namespace: 'home',
      exposure: 'internal',
      gateway: { name: 'internal', namespace: 'network', listener: 'tls', pods_port: 10443 },
      windmill: { namespace: 'home', workspace: 'main' },
      edge: {
        kind: 'oauth2-proxy',
        issuer_host: `login.${DOMAIN}`,
        allowed_groups: ['admins'],
        trusted_proxies: ['10.99.0.0/16'],
      },
      secrets: { store: 'vault', reference: 'path' },
      network_policy: { style: 'default-deny' },
      database: { kind: 'cluster', namespace: 'data', operator_namespace: 'data', backup: 'none' },
      flux: { path: './kubernetes/apps', source_name: 'home-ops', source_namespace: 'flux-system' },
    })
    expect(settingsText(settings())).toContain(
      'store: vault  # kubernetes/apps/security/stores/app/store.yaml',
    )
  })

  it('waits for what is there, by the name that it has there', () => {
    expect(config().flux).toMatchObject({
      depends_on: [
        { name: 'authelia', namespace: 'sso' },
        { name: 'stores', namespace: 'security' },
        { name: 'windmill', namespace: 'home' },
      ],
      database_depends_on: [
        { name: 'stores', namespace: 'security' },
        { name: 'cloudnative-pg', namespace: 'data' },
      ],
    })
  })

  it('asks what only a person knows, and names the policy that stands before a whole gateway', () => {
    const { questions } = planInit(folder, {})
    expect(questions.map(({ field }) => field)).toEqual([
      'exposure',
      'windmill.workspace',
      'edge.allowed_groups',
      'gateway.override_policy',
    ])
    expect(questions.at(-1)!.message).toContain(
      `login-for-all (${APPS}/network/envoy/app/policy.yaml) guards all of gateway external`,
    )
    const { fallback, when } = questions.at(-1)!
    expect([fallback, when!({ exposure: 'external' }), when!({ exposure: 'internal' })]).toEqual([
      false,
      true,
      false,
    ])
  })

  it('asks where backups go, when the plugin is there and no store', () => {
    repository({ ...REPOSITORY, [`${APPS}/data/barman/app/release.yaml`]: '# chart: plugin-barman-cloud\n' })
    const { questions } = planInit(folder, {})
    expect(questions).toContainEqual(
      expect.objectContaining({ field: 'database.backup.endpoint', fallback: `https://s3.${DOMAIN}` }),
    )
    expect(config()).toMatchObject({ database: { backup: { endpoint: `https://s3.${DOMAIN}` } } })
    expect(config({}, { 'database.backup.endpoint': 'none' })).toMatchObject({ database: { backup: 'none' } })
    expect(config({ backups: 'https://s3.example.net' })).toMatchObject({
      database: { kind: 'cluster', backup: { endpoint: 'https://s3.example.net' } },
    })
  })

  it('asks nothing that the command line says', () => {
    const said = { exposure: 'external', workspace: 'lab', groups: 'a,b', overridePolicy: true }
    expect(planInit(folder, said).questions).toEqual([])
    expect(config(said)).toMatchObject({
      gateway: { name: 'external', override_policy: true },
      windmill: { workspace: 'lab' },
      edge: { allowed_groups: ['a', 'b'] },
    })
  })

  it('makes settings that are taken, for each exposure', () => {
    for (const exposure of ['internal', 'external']) {
      expect(problemsOf(treeOf(parseConfig(config({ exposure }))))).toEqual([])
    }
  })

  it('lets nobody in from the internet unasked, and hides nothing from it either', () => {
    repository({ [`${APPS}/network/envoy/app/gateways.yaml`]: gateway('external') })
    expect(() => settings()).toThrow('no Gateway of the repository looks internal; there is external')
    expect(config({ gateway: 'external' }).gateway.name).toBe('external')
    repository({ [`${APPS}/network/envoy/app/gateways.yaml`]: gateway('internal') })
    expect(() => settings({ exposure: 'external' })).toThrow('no Gateway of the repository looks external')
  })

  it('refuses a gateway that is not there', () => {
    expect(() => settings({ gateway: 'public' })).toThrow('expected external, internal')
  })

  it('knows Kustomizations that all lie in one namespace, and a domain that is no variable', () => {
    const here = '  namespace: flux-system\n'
    repository({
      [`${APPS}/home/windmill/ks.yaml`]: flux('windmill', 'home/windmill/app', here),
      [`${APPS}/sso/authelia/ks.yaml`]: flux('authelia', 'sso/authelia/app', here),
      [`${APPS}/security/stores/ks.yaml`]: flux('stores', 'security/stores/app', here),
      [`${APPS}/data/cloudnative-pg/ks.yaml`]: flux('cloudnative-pg', 'data/cloudnative-pg/app', here),
      [`${APPS}/network/envoy/ks.yaml`]: flux('envoy', 'network/envoy/app', here),
      [`${APPS}/home/windmill/app/helmrelease.yaml`]: release(
        'windmill',
        '{hostnames: [windmill.example.com]}',
      ),
      [`${APPS}/sso/authelia/app/configuration.yaml`]: 'authelia_url: https://auth.example.com\n',
      [`${APPS}/network/envoy/app/gateways.yaml`]: gateway('internal').replaceAll(DOMAIN, 'example.com'),
    })
    expect(config()).toMatchObject({
      domain: 'example.com',
      flux: {
        namespace: 'flux-system',
        substitute_from: [],
        depends_on: expect.arrayContaining([{ name: 'authelia', namespace: 'flux-system' }]),
      },
    })
  })
})

describe('a repository with odd files', () => {
  const object = (kind: string, apiVersion: string, rest: string) =>
    `---\napiVersion: ${apiVersion}\nkind: ${kind}\n${rest}`
  it('is read where null, or something else, stands for a map or a list', () => {
    const cluster = object('Cluster', 'postgresql.cnpg.io/v1', 'metadata: {name: pg}\nspec: ')
    const odd = [null, 5, '[null]', '{}', '{a: null}']
    const files = [
      ['HelmRelease', 'helm.toolkit.fluxcd.io/v2', ['chart', 'chartRef']],
      ['Kustomization', 'kustomize.toolkit.fluxcd.io/v1', ['path', 'sourceRef', 'postBuild', 'patches']],
      ['Gateway', 'gateway.networking.k8s.io/v1', ['listeners']],
      ['GatewayClass', 'gateway.networking.k8s.io/v1', ['controllerName']],
      ['SecurityPolicy', 'gateway.envoyproxy.io/v1alpha1', ['targetRefs', 'targetRef', 'targetSelectors']],
      ['ClusterSecretStore', 'external-secrets.io/v1', ['provider']],
      ['ObjectStore', 'barmancloud.cnpg.io/v1', ['configuration']],
      ['GrafanaDashboard', 'grafana.integreatly.org/v1beta1', ['instanceSelector']],
      ['Cluster', 'postgresql.cnpg.io/v1', ['storage']],
    ] as const
    for (const value of odd) {
      const texts = files.flatMap(([kind, api, fields]) => [
        object(kind, api, `metadata: ${value}\nspec: ${value}\n`),
        object(kind, api, 'metadata: {name: x, namespace: y, annotations: null}\n'),
        ...fields.map((field) =>
          object(kind, api, `metadata: {name: x, namespace: y}\nspec: {${field}: ${value}}\n`),
        ),
      ])
      repository({ 'a/b/c/ks.yaml': texts.join(''), 'a/b/c/app/db.yaml': `${cluster}{instances: 1}\n` })
      expect(() => settings({ gateway: 'x' })).not.toThrow()
    }
  })

  it('names a file that cannot be read, and goes on', () => {
    const list = object('Gateway', 'gateway.networking.k8s.io/v1', 'metadata: {name: *no}\n')
    repository({ ...REPOSITORY, 'odd.yaml': list + list, 'broken.yaml': `${list}x: [\n` })
    const { look } = planInit(folder, {})
    expect(look.skipped).toEqual([
      expect.stringContaining('broken.yaml: '),
      'odd.yaml: Unresolved alias (the anchor must be set before the alias): no',
    ])
    expect(look.gateways).toHaveLength(2)
  })

  it('may declare a cluster that says no namespace, with no operator beside it', () => {
    const spec = 'metadata: {name: pg}\nspec: {storage: {storageClass: fast}}\n'
    repository({ 'pg.yaml': object('Cluster', 'postgresql.cnpg.io/v1', spec) })
    expect(config().database).toMatchObject({ kind: 'cluster', storage_class: 'fast' })
    expect(problemsOf(treeOf(parseConfig(config())))).toEqual([])
  })
})

describe('what Kubernetes allows and hai is asked to take', () => {
  const store = `${APPS}/security/stores/app/store.yaml`
  const cluster = (rest: string) =>
    `---\napiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: pg}\nspec: {${rest}}\n`
  const problems = () => problemsOf(treeOf(parseConfig(config())))

  it('are names with dots', () => {
    repository({
      ...REPOSITORY,
      [store]: REPOSITORY[store]!.replace('name: vault', 'name: vault.one'),
      [`${APPS}/data/pg.yaml`]: cluster('storage: {storageClass: fast.local}'),
      [`${APPS}/network/envoy/app/gateways.yaml`]: gateway('internal.lan'),
    })
    expect(config()).toMatchObject({
      gateway: { name: 'internal.lan' },
      secrets: { store: 'vault.one' },
      database: { storage_class: 'fast.local' },
    })
    expect(problems()).toEqual([])
  })

  it('are no variables, no paths of an endpoint, no ports as text: they are passed over and said', () => {
    const windmill = `${APPS}/home/windmill/ks.yaml`
    const gateways = `${APPS}/network/envoy/app/gateways.yaml`
    repository({
      ...REPOSITORY,
      [windmill]: REPOSITORY[windmill]!.replace('Namespace: home', `Namespace: $\{NS}`),
      [gateways]: gateway('internal').replace('port: 443', 'port: "443"') + gateway(`$\{GATEWAY}`),
      [`${APPS}/data/store.yaml`]:
        '---\n# barman-cloud\napiVersion: barmancloud.cnpg.io/v1\nkind: ObjectStore\nmetadata: {name: s3}\nspec: {configuration: {endpointURL: "https://s3.example.com/path"}}\n',
      'kubernetes/flux/ks.yaml': flux('odd', '../../x').replace(`./${APPS}/`, ''),
    })
    const { look } = planInit(folder, {})
    for (const said of ['NS}', 'GATEWAY}', 'says no port', 's3.example.com/path']) {
      expect(look.skipped.join('\n')).toContain(said)
    }
    expect(config().gateway).toMatchObject({ name: 'internal', listener: 'tls' })
    expect(problems()).toEqual([])
  })

  it('is no path of Flux that leads out of the repository', () => {
    repository({ 'flux/ks.yaml': flux('apps', 'x').replace(`./${APPS}/x`, './a/../../apps') })
    expect(planInit(folder, {}).look.skipped).toEqual([
      'flux/ks.yaml: "./a/../../apps" is nothing that the setting flux.path takes',
    ])
    expect(config().flux.path).toBe('./kubernetes/apps')
  })
})

describe('an empty repository', () => {
  it('gets the defaults, waits for nothing, and is told what is missing', () => {
    const { look } = planInit(folder, {})
    expect(look.unseen.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['Windmill', 'Authelia', 'CloudNativePG', 'a Gateway', 'Cilium']),
    )
    expect(look.unseen.map(({ what }) => what)).toContain('the Barman Cloud plugin')
    const { namespace, flux } = config()
    expect({ namespace, flux }).toEqual({
      namespace: 'home',
      flux: { path: './kubernetes/apps', depends_on: [], database_depends_on: [] },
    })
    expect(problemsOf(treeOf(parseConfig(config())))).toEqual([])
  })

  it('has its apps below what Flux builds where Flux was bootstrapped into it', () => {
    repository({
      'clusters/main/flux-system/gotk-sync.yaml':
        '---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: flux-system, namespace: flux-system}\nspec: {path: ./clusters/main, sourceRef: {kind: GitRepository, name: flux-system}}\n',
    })
    expect(config().flux).toMatchObject({ path: './clusters/main/apps', source_name: 'flux-system' })
  })

  it('takes the word of the command line for a gateway', () => {
    expect(() => settings({ exposure: 'external' })).toThrow('looks external; nothing is written')
    const said = { exposure: 'external', gateway: 'public' }
    expect(config(said).gateway.name).toBe('public')
    expect(problemsOf(treeOf(parseConfig(config(said))))).toEqual([])
  })

  it('is said to be missing when it is not there', () => {
    expect(() => planInit(join(folder, 'none'), {})).toThrow('there is no folder')
  })
})

describe('writing', () => {
  beforeEach(() => repository())

  it('replaces no settings unasked', () => {
    writeSettings(folder, settings())
    const again = planInit(folder, {})
    expect(() => refuseOthers(again, false)).toThrow('hai/my.yaml is there already; nothing is changed')
    refuseOthers(again, true)
    expect(() => refuseOthers(planInit(folder, { namespace: 'ai' }), true)).toThrow(
      'home/hai/my.yaml is there already',
    )
  })

  it('does not take what it once made for something that was there', () => {
    const made = '---\n# generated by `npm run synth`; edit cdk8s/\n'
    repository({ [`${APPS}/ai/hai/app/x.yaml`]: made + gateway('mine').slice(4) })
    expect(planInit(folder, {}).look.gateways.map(({ name }) => name)).toEqual(['external', 'internal'])
  })

  it('adds the one line after the last of the list, and leaves all else as it was', () => {
    const { files } = lineFor(folder, settings())!
    const before = REPOSITORY[`${APPS}/home/kustomization.yaml`]!
    expect(files).toEqual([[`${APPS}/home/kustomization.yaml`, `${before}  - ./hai/ks.yaml\n`]])
    repository({ [`${APPS}/home/kustomization.yaml`]: files[0]![1] })
    expect(lineFor(folder, settings())).toBeUndefined()
  })

  it.each([
    [
      'resources:\n- ./a\n- ./b # last\nconfigMapGenerator:\n- name: x\n',
      'resources:\n- ./a\n- ./b # last\n- ./hai/ks.yaml\nconfigMapGenerator:\n- name: x\n',
    ],
    [
      'resources:\n  # first\n  - ./a\n\n# and\ncomponents:\n  - ../c\n',
      'resources:\n  # first\n  - ./a\n  - ./hai/ks.yaml\n\n# and\ncomponents:\n  - ../c\n',
    ],
  ])('finds the end of the list in %j', (before, after) => {
    repository({ [`${APPS}/home/kustomization.yaml`]: before })
    expect(lineFor(folder, settings())!.files[0]![1]).toBe(after)
  })

  it.each(['resources: [./a]\n', 'kind: Kustomization\n', 'resources:\n  - ./a'])(
    'leaves a list to a person that it is not sure of: %j',
    (text) => {
      repository({ [`${APPS}/home/kustomization.yaml`]: text })
      expect(lineFor(folder, settings())).toMatchObject({ files: [], line: '  - ./hai/ks.yaml' })
    },
  )

  it('makes the list and the namespace where there is neither', () => {
    const { files } = lineFor(folder, settings({ namespace: 'ai' }))!
    expect(files.map(([file]) => file)).toEqual([
      `${APPS}/ai/kustomization.yaml`,
      `${APPS}/ai/namespace.yaml`,
    ])
    expect(parse(files[0]![1])).toMatchObject({
      namespace: 'ai',
      resources: ['./namespace.yaml', './hai/ks.yaml'],
    })
  })
})

describe('hai gitops init', () => {
  const init = (...argv: string[]) => initBy(new FakeIo({ env: {} }), ...argv)
  async function initBy(io: FakeIo, ...argv: string[]) {
    const program = new Command('hai').exitOverride().configureOutput({ outputError: () => {} })
    const session = new Session(io)
    addGitops(program, session)
    await program.parseAsync(['gitops', 'init', folder, ...argv], { from: 'user' })
    return { out: io.stdout.text, err: io.stderr.text, exit: session.exit }
  }

  it('writes nothing when nobody is there to answer', async () => {
    repository()
    await expect(init()).rejects.toThrow('nobody is here to ask: exposure, windmill.workspace')
    expect(existsSync(join(folder, APPS, 'home/hai'))).toBe(false)
  })

  it.each([
    [['--groups', 'a b'], '--groups: "a b" is not accepted'],
    [['--pod-network', 'pods'], '--pod-network: "pods" is not accepted; expected a network'],
    [['--domain', 'home'], '--domain: "home" is not accepted'],
    [['--namespace', 'Home'], '--namespace: "Home" is not accepted'],
  ])('refuses %j', async (argv, said) => {
    await expect(init('--yes', ...argv)).rejects.toThrow(said)
  })

  it('writes the settings and all that is made from them, and tells what was taken unasked', async () => {
    const { out, err } = await init('--yes', '--add-line')
    expect(out).toContain('taken unasked: edge.trusted_proxies: 10.42.0.0/16')
    expect(out).toMatch(
      /\d+ objects in (\d+) files below .*; \1 files changed, 0 removed; --verbose names them/,
    )
    expect(err).toContain('database.namespace: the repository has no namespace databases')
    expect(parse(readFileSync(join(folder, APPS, 'home/kustomization.yaml'), 'utf8')).resources).toEqual([
      './namespace.yaml',
      './hai/ks.yaml',
    ])
  })

  it('writes nothing that is refused, and nothing beside a file of somebody else', async () => {
    const home = join(folder, APPS, 'home/hai')
    const odd = await init('--yes', '--pod-network', '10.42.0.1/16')
    expect(odd.exit).toBe(2)
    expect(odd.out).toContain('"10.42.0.1/16" is not accepted')
    expect(odd.err).toContain('no settings are written')
    expect(existsSync(home)).toBe(false)

    repository({ [`${APPS}/home/hai/ks.yaml`]: 'mine: true\n' })
    const inTheWay = await init('--yes')
    expect(inTheWay.exit).toBe(2)
    expect(inTheWay.out).toContain(`${APPS}/home/hai/ks.yaml: move it away\n`)
    expect(readdirSync(home)).toEqual(['ks.yaml'])
  })

  it('does not miss what the command line says', async () => {
    const { out } = await init('--yes', '--domain', 'example.com', '--gateway', 'external')
    expect(out).toContain('not found: Windmill')
    expect(out).not.toMatch(/not found: (the domain|a Gateway)/)
  })

  it.each([
    ['admins', 'admins'],
    ['', 'lldap_admin'],
  ])('takes %j as it is typed, and what is shown for no answer', async (typed, group) => {
    const io = new FakeIo({ env: {}, attended: true })
    const said = ['--workspace', 'main', '--pod-network', '10.42.0.0/16', '--backups', 'none', '--add-line']
    const ran = initBy(io, ...said)
    await until(() => io.stderr.text.includes('groups whose members may enter'), 'the question')
    ;(io.stdin as PassThrough).write(`${typed}\r`)
    await ran
    const { edge } = parse(readFileSync(join(folder, APPS, 'home/hai/my.yaml'), 'utf8'))
    expect(edge.allowed_groups).toEqual([group])
  })
})
