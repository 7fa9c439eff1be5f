import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { run } from '../../../cdk8s/program.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hai-synth-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function synth(config: string, ...more: string[]): Promise<{ status: number; said: string }> {
  const file = join(folder, 'my.yaml')
  writeFileSync(file, config)
  const lines: string[] = []
  const status = await run(['--config', file, '--out', join(folder, 'out'), ...more], (line) =>
    lines.push(line),
  )
  return { status, said: lines.join('\n') }
}

describe('a configuration', () => {
  it.each([
    ['namespaec: home', 'namespaec is no field'],
    ['namespace: Home', 'namespace: "Home" is not accepted; expected a name'],
    ['domain: example', 'domain: "example" is not accepted; expected a domain like example.com'],
    ['gateway: {pods_port: "10443"}', 'gateway.pods_port: "10443" is not accepted'],
    ['edge: {kind: nginx}', 'edge.kind: "nginx" is not accepted'],
    [
      'edge: {kind: oauth2-proxy, image: "quay.io/oauth2-proxy/oauth2-proxy:v7.15.5"}',
      'expected registry/name:tag@sha256',
    ],
    ['worker: {replicas: 1}', 'worker.image is missing'],
    ['dashboard: {delivery: url}', 'dashboard.url is missing: expected an https address'],
    ['database: {kind: existing}', 'database.cluster is missing'],
    ...['cluster', 'existing'].map((kind) => [
      `database: {kind: ${kind}, cluster: ${'a'.repeat(51)}}`,
      'is not accepted; expected a name of at most 50 letters',
    ]),
    ['watchdog: {every_minutes: 0}', 'watchdog.every_minutes: 0 is not accepted'],
    [
      'windmill: {worker_secrets: [{env: token, item: a, field: b}]}',
      'windmill.worker_secrets.0.env: "token"',
    ],
    ['namespace: [', 'is no YAML'],
    ['host: *nope', 'my.yaml is no YAML'],
    ['route: &a {annotations: *a}', 'my.yaml is no YAML'],
    ['gateway: {approval: {name: external}}', 'gateway.approval is no field'],
    ['flux: {path: ./kubernetes/../../etc}', 'flux.path: "./kubernetes/../../etc" is not accepted'],
    [
      'flux: {depends_on: [{name: cilium, namespace: home}, {name: hai-watchdog, namespace: home}]}',
      'flux.depends_on.1.name: "hai-watchdog" is not accepted; expected a Kustomization of the cluster’s',
    ],
    [
      'flux: {namespace: flux-system, database_depends_on: [{name: hai, namespace: flux-system}]}',
      'flux.database_depends_on.0.name: "hai" is not accepted',
    ],
    [
      'database: {kind: cluster, backup: {schedule: "0 0 3 * * 0"}}',
      'database.backup.schedule: "0 0 3 * * 0" is not accepted; 168 hours lie between two runs: expected no more than database.backup.alert_hours, 30',
    ],
    [
      'database: {kind: cluster, backup: {alert_hours: 12}}',
      'database.backup.alert_hours: 12 is not accepted; expected at least 24, the hours between two runs of database.backup.schedule',
    ],
    ['flux: {path: ./..}', 'flux.path: "./.."'],
    ['flux: {path: ./apps/.}', 'flux.path: "./apps/."'],
    ['edge: {kind: oauth2-proxy, allowed_groups: [a, a]}', 'the same group stands twice'],
    ['edge: {kind: oauth2-proxy, allowed_groups: [my group]}', 'expected a group’s name'],
    ['edge: {kind: envoy-extauth, policy: bypass}', 'edge.policy: "bypass"'],
    ['route: {landing: "/runs?all=1"}', 'route.landing: "/runs?all=1" is not accepted; expected a path'],
    ['route: {landing: /}', 'route.landing: "/"'],
    ['route: {annotations: {"not a name": "x"}}', 'expected an annotation’s name'],
    ['monitoring: {rule_labels: {severity: page}}', 'expected another name: each alert says that itself'],
    ['monitoring: {rule_labels: {my-team: ops}}', 'the name of a Prometheus label'],
    ['gateway: {pods: {"a b": c}}', 'expected a label’s name'],
    [
      'gateway: {pods: {app: "-envoy"}}',
      'gateway.pods.app: "-envoy" is not accepted; expected a label’s value',
    ],
  ])('is refused with field, value and what was expected: %s', async (config, said) => {
    const answer = await synth(config)
    expect(answer.said).toContain(said)
    expect(answer.status).toBe(2)
    expect(readdirSync(folder)).toEqual(['my.yaml'])
  })

  // each was held against the proxy's own reading of it
  it.each([
    ['10.42.0.0/16', true],
    ['10.42.3.4/32', true],
    ['0.0.0.0/1', true],
    ['fd00::/8', true],
    ['2001:db8:1:2::/64', true],
    ['2001:db8::1/128', true],
    ['10.42.3.4/16', false],
    ['999.1.1.1/8', false],
    ['10.42.0/16', false],
    ['010.0.0.0/8', false],
    ['10.0.0.0/33', false],
    ['10.0.0.0/0', false],
    ['::/300', false],
    ['::/129', false],
    ['fd00::1/8', false],
    ['fd00::/4/8', false],
    ['fd00:::/8', false],
    ['fe80::%eth0/64', false],
    ['10.0.0.0', false],
    ['10.0.0.0/8 ', false],
    ['', false],
  ])('with the trusted network %j is taken: %s', async (network, taken) => {
    const { said, status } = await synth(`edge: {kind: oauth2-proxy, trusted_proxies: ["${network}"]}`)
    expect(status).toBe(taken ? 0 : 2)
    if (!taken)
      expect(said).toContain(`edge.trusted_proxies.0: "${network}" is not accepted; expected a network`)
  })

  it.each([
    ['0 0 3 * * 0', 168],
    ['0 30 3 31 * *', 1464],
    ['* */5 * * * *', 1],
  ])('with backups at %j takes an alert after %d hours', async (schedule, hours) => {
    const backup = (after: number) =>
      `database: {kind: cluster, backup: {schedule: "${schedule}", alert_hours: ${after}}}`
    expect((await synth(backup(hours))).status).toBe(0)
    expect((await synth(backup(hours - 1))).said).toContain('is not accepted')
  })

  it('means the defaults when it is empty', async () => {
    expect((await synth('')).status).toBe(0)
    expect(readdirSync(join(folder, 'out'))).toEqual(['kubernetes'])
  })

  it('is said to be missing when it is not there', async () => {
    const lines: string[] = []
    expect(await run(['--config', join(folder, 'none.yaml')], (line) => lines.push(line))).toBe(2)
    expect(lines.join()).toContain("none.yaml can't be read")
  })

  it('is explained by its command line when asked, which refuses an empty --out', async () => {
    const help = await synth('', '--help')
    expect(help.status).toBe(0)
    expect(help.said).toContain('npm run synth -- [--out REPOSITORY]')
    expect(readdirSync(folder)).toEqual(['my.yaml'])
    const { status, said } = await synth('', '--out', '')
    expect(status).toBe(2)
    expect(said).toContain('--out is empty: name a repository')
  })

  it('whose folder cannot be read is told so', async () => {
    mkdirSync(join(folder, 'out/kubernetes/apps/home'), { recursive: true })
    writeFileSync(join(folder, 'out/kubernetes/apps/home/hai'), 'a file where the folder should be\n')
    const { status, said } = await synth('')
    expect(status).toBe(2)
    expect(said).toContain("hai's folder can't be read, nothing is written: ENOTDIR")
  })

  it('may not be given with words that mean nothing', async () => {
    expect((await synth('', 'sing')).said).toContain('unknown words: sing')
    expect((await synth('', '--fast')).said).toContain("Unknown option '--fast'")
  })
})

describe('writing', () => {
  it('changes nothing the second time, and removes what a new configuration does not make', async () => {
    const edge = (kind: string, ...more: string[]) => synth(`edge: {kind: ${kind}}`, ...more)
    await edge('oauth2-proxy')
    expect((await edge('oauth2-proxy')).said).toContain('; 0 files changed')
    expect((await edge('envoy-extauth', '--verbose')).said).toMatch(/removed .*oauth2-proxy\.yaml/)
    expect(readdirSync(join(folder, 'out/kubernetes/apps/home/hai/app'))).not.toContain('oauth2-proxy.yaml')
  })

  it('leaves what is not ours alone, and stops where it stands in the way', async () => {
    const apps = join(folder, 'out/kubernetes/apps/home')
    mkdirSync(join(apps, 'hai'), { recursive: true })
    writeFileSync(join(apps, 'kustomization.yaml'), 'mine: true\n')
    expect((await synth('')).status).toBe(0)
    expect(readFileSync(join(apps, 'kustomization.yaml'), 'utf8')).toBe('mine: true\n')
    writeFileSync(join(apps, 'hai/ks.yaml'), 'mine: true\n')
    const { status, said } = await synth('host: other')
    expect(status).toBe(2)
    expect(said).toContain('kubernetes/apps/home/hai/ks.yaml: move it away')
    expect(readFileSync(join(apps, 'hai/app/httproute.yaml'), 'utf8')).not.toContain('other.')
  })

  it('is told in one line, and what is left to do after it; file by file when that is asked for', async () => {
    const { said } = await synth('')
    const lines = said.split('\n')
    expect(lines[0]).toMatch(
      /^\d+ objects in (\d+) files below .*\/out\/kubernetes\/apps\/home\/hai; \1 files changed, 0 removed; --verbose names them$/,
    )
    expect(said).not.toContain('written ')
    expect(lines[1]).toMatch(/^merge .*\/operator\/\S+\.yaml; its first lines say into what$/)
    const again = await synth('host: inbox', '--verbose')
    expect(again.said).toMatch(/^written .*\/app\/httproute\.yaml$/m)
    expect(again.said).not.toContain('--verbose')
    expect(again.said).not.toContain('merge ')
    expect((await synth('host: inbox')).said).toMatch(/; 0 files changed, 0 removed\n/)
  })

  it('asks for the domain’s variable only where the domain is one', async () => {
    const variable = 'Secret home/cluster-secrets (the domain’s variable'
    expect((await synth('')).said).toContain(variable)
    expect((await synth('domain: example.com')).said).not.toContain('cluster-secrets')
    const { status, said } = await synth(
      'domain: example.com\nflux: {substitute_from: [{kind: Secret, name: mine, optional: false}]}',
    )
    expect(status).toBe(0)
    expect(said).toContain('Secret home/mine (flux.substitute_from)')
  })

  it('names the one line that is the operator’s to add, and what the cluster must bring', async () => {
    const { said } = await synth('')
    expect(said).toContain('kubernetes/apps/home/kustomization.yaml:\n  - ./hai/ks.yaml')
    expect(said).toContain('Gateway network/internal (listener https)')
  })

  it('says how far hai is to be reached, and by which gateway', async () => {
    expect((await synth('gateway: {name: public}')).said).toContain(
      'exposure: internal, by Gateway network/public',
    )
  })

  it('says what becomes of a policy that the Gateway has', async () => {
    const kept = await synth('')
    expect(kept.said).toContain("a SecurityPolicy on Gateway network/internal holds for hai's routes too")
    expect(kept.said).toContain('shut the machine paths (gateway.override_policy: true')
    const { said } = await synth('gateway: {override_policy: true}')
    expect(said).toContain("is replaced on hai's routes, whole: extAuth, IP lists, JWT and CORS")
  })
})
