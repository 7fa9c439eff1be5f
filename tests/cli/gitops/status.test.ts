import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { EXIT } from '../../../cli/failure.ts'
import { connectCluster } from '../../../cli/gitops/cluster.ts'
import type { ClusterStatus, KubeObject, ObjectStatus } from '../../../cli/gitops/judge.ts'
import { generatedObjects, ownManifests } from '../../../cli/gitops/manifests.ts'
import { clusterFindings, driftReport, liveStatus, statusFindings } from '../../../cli/gitops/status.ts'
import { ApiServer } from '../../support/api-server.ts'
import { liveOf } from '../../support/live-objects.ts'
import { buildProject } from '../../support/stack.ts'
import { cannedServer } from '../canned-server.ts'
import { runHai } from '../run-hai.ts'

const api = new ApiServer()
const objects = generatedObjects(ownManifests())
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hai-kube-'))
  await Promise.all([api.start(), buildProject()])
})
afterAll(() => {
  api.stop()
  rmSync(folder, { recursive: true })
  vi.unstubAllEnvs()
})
beforeEach(() => {
  api.clear()
  for (const object of objects) api.put(liveOf(object))
  useKubeconfig(api.kubeconfig())
})

function useKubeconfig(text: string): void {
  writeFileSync(join(folder, 'config'), text)
  vi.stubEnv('KUBECONFIG', join(folder, 'config'))
}

const look = () => liveStatus(connectCluster(), objects)
const ours = (kind: string, name: string): KubeObject =>
  objects.find((object) => object.kind === kind && object.metadata.name === name)!

/** How one object is, after its live form was changed. */
async function after(kind: string, name: string, change: (live: Live) => void): Promise<ObjectStatus> {
  const live = liveOf(ours(kind, name)) as Live
  change(live)
  api.put(live)
  const { objects: seen } = await look()
  return seen.find((one) => one.kind === kind && one.name === name)!
}

interface Live extends KubeObject {
  spec: Record<string, never>
  status: Record<string, unknown>
}

const condition = (type: string, status: string, message: string) => [{ type, status, message }]

describe('a cluster in which all is well', () => {
  it('has every object ready and no field that differs, though it fills in and adds', async () => {
    const { objects: seen, leftovers, hosts } = await look()
    expect(seen.filter(({ verdict }) => verdict !== 'good')).toEqual([])
    expect(seen).toHaveLength(objects.length)
    expect(leftovers).toEqual([])
    expect(hosts).toEqual(['hai.example.com'])
    expect(seen.find(({ kind }) => kind === 'Kustomization')?.text).toBe('ready, main@sha1:4f2d')
  })

  it('is asked for single objects only, and for no Secret', async () => {
    await look()
    expect(api.requests.length).toBe(objects.length)
    const one = /^GET \/apis?\/[^?]*\/namespaces\/[a-z-]+\/(?!secrets)[a-z0-9]+\/[a-z0-9-]+$/
    expect(api.requests.filter((request) => !one.test(request))).toEqual([])
  })
})

describe('a cluster in which something is wrong', () => {
  it.each<[string, string, (live: Live) => void, string]>([
    [
      'Kustomization',
      'hai',
      ({ status }) => {
        status.conditions = condition('Ready', 'False', 'variable not set (strict mode)')
      },
      'variable not set (strict mode), main@sha1:4f2d',
    ],
    [
      'HTTPRoute',
      'hai',
      ({ status }) => {
        status.parents = []
      },
      'no gateway has taken it',
    ],
    [
      'HTTPRoute',
      'hai-api',
      ({ status }) => {
        const parentRef = { name: 'internal' }
        const conditions = [
          ...condition('Accepted', 'True', ''),
          ...condition('ResolvedRefs', 'False', 'backend not found'),
        ]
        status.parents = [{ parentRef, conditions }]
      },
      'internal: backend not found',
    ],
    [
      'ExternalSecret',
      'hai-watchdog',
      ({ status }) => {
        status.conditions = condition('Ready', 'False', 'could not get secret: field TOKEN not found')
      },
      'field TOKEN not found',
    ],
    [
      'Deployment',
      'hai-oauth2-proxy',
      ({ status }) => {
        status.availableReplicas = 0
      },
      '0 of 1 pods available',
    ],
    [
      'CronJob',
      'hai-watchdog',
      ({ status }) => {
        status.lastSuccessfulTime = '2026-11-22T09:40:00Z'
      },
      'last succeeded 2026-11-22T09:40:00Z, and was run at',
    ],
    [
      'Cluster',
      'hai',
      ({ status }) => {
        status.conditions = condition('Ready', 'False', 'Cluster Is Not Ready')
      },
      'Cluster Is Not Ready',
    ],
  ])('says so of %s %s', async (kind, name, change, text) => {
    const seen = await after(kind, name, change)
    expect(seen.text).toContain(text)
    expect(seen.verdict).toBe('bad')
  })

  it('names each field that somebody changed, and both values', async () => {
    const seen = await after('Deployment', 'hai-oauth2-proxy', (live) => {
      Object.assign(live.spec, { replicas: 0 })
      live.metadata.labels!['app.kubernetes.io/part-of'] = 'mine'
    })
    expect(seen).toMatchObject({ verdict: 'unsure', text: expect.stringContaining('2 fields differ') })
    expect(seen.drift).toContainEqual({ path: 'spec.replicas', generated: '1', live: '0' })
    const lines = statusFindings(statusOf([seen])).map(({ text }) => text)
    expect(lines).toContain('metadata.labels.app.kubernetes.io/part-of is "mine", generated "hai"')
  })

  it('names what is gone, what may not be looked at, and what is left over', async () => {
    api.remove(ours('Service', 'hai-oauth2-proxy'))
    api.deny(ours('Cluster', 'hai'))
    const held = await after('Kustomization', 'hai', ({ status }) => {
      status.inventory = {
        entries: [
          { id: 'home_hai-old__Service', v: 'v1' },
          { id: 'home_hai-watchdog_external-secrets.io_ExternalSecret', v: 'v1' },
        ],
      }
    })
    const { objects: seen, leftovers } = await look()
    expect(held.verdict).toBe('good')
    expect(leftovers).toEqual(['Service home/hai-old'])
    expect(seen.find(({ kind }) => kind === 'Service')).toMatchObject({
      verdict: 'bad',
      text: 'is not there',
    })
    expect(seen.find(({ kind }) => kind === 'Cluster')).toMatchObject({
      verdict: 'unsure',
      fix: 'kubectl auth can-i get cluster hai -n databases',
    })
    // the Service is gone, another one left over, and of the Cluster nothing is known
    expect(driftReport(statusOf(seen, leftovers))).toMatchObject({
      kind: 'cluster',
      compared: objects.length,
      differences: 3,
      examples: expect.arrayContaining([
        'Cluster databases/hai may not be looked at',
        'Service home/hai-oauth2-proxy is not there',
        'Service home/hai-old is left over',
      ]),
    })
  })

  it('tells a kind that is not installed from an object that is not there', async () => {
    api.uninstall('postgresql.cnpg.io')
    const { objects: seen } = await look()
    expect(seen.find(({ kind }) => kind === 'Cluster')).toMatchObject({
      state: 'unknown',
      verdict: 'bad',
      text: 'the cluster knows no Cluster of postgresql.cnpg.io/v1',
    })
  })
})

const statusOf = (seen: ObjectStatus[], leftovers: string[] = []): ClusterStatus => ({
  server: '',
  context: '',
  objects: seen,
  leftovers,
  hosts: [],
})

/** `hai gitops status` as typed; the host of the routes is one that every machine has, so that the test asks nobody else. */
async function typedTo(env: Record<string, string>, ...more: string[]) {
  for (const object of objects.filter(({ kind }) => kind === 'HTTPRoute')) {
    if (api.has(object))
      api.put({ ...liveOf(object), spec: { ...(object.spec as object), hostnames: ['localhost'] } })
  }
  return runHai(['gitops', 'status', ...more], { env: { HOME: folder, ...env } })
}

const typed = (...more: string[]) => typedTo({}, ...more)

describe('hai gitops status', () => {
  it('has one line per object, with the host as it looks from here, and needs no profile', async () => {
    const { stdout, exit } = await typed()
    expect(stdout).toContain(`✓ cluster: https://localhost:${api.port}, context home\n`)
    expect(stdout).toContain('✓ Deployment home/hai-oauth2-proxy: 1 of 1 pods available\n')
    expect(stdout).toContain('✗ https://localhost')
    expect(stdout).toContain('– HTTPRoute home/hai: accepted; a field differs\n')
    expect(exit).toBe(EXIT.findings)
    const json = await typed('--json')
    expect((JSON.parse(json.stdout) as ClusterStatus).objects).toHaveLength(objects.length)
    expect(json.exit).toBe(EXIT.findings)
  })

  it('tells hai what differs when it is asked to: names, and no values', async () => {
    const server = await cannedServer({ 'admin/drift': () => ({ result: {} }) })
    const { stderr, exit } = await typedTo(server.env, '--report')
    const { args } = server.callsOf('admin/drift')[0]!
    // the routes have another host here
    expect(args).toMatchObject({
      kind: 'cluster',
      target: `https://localhost:${api.port}`,
      compared: objects.length,
      examples: expect.arrayContaining(['HTTPRoute home/hai: spec.hostnames.0']),
    })
    expect(args.differences).toBe((args.examples as string[]).length)
    expect(stderr).toContain('reported to hai')
    expect(exit).toBe(EXIT.findings)
    await typedTo(server.env)
    expect(server.callsOf('admin/drift')).toHaveLength(1)
    await server.close()
    expect(await typedTo(server.env, '--report')).toMatchObject({ exit: EXIT.unreachable })
  })

  it('takes the context that is named, and refuses one that the kubeconfig does not have', async () => {
    useKubeconfig(api.kubeconfig().replace('current-context: home', 'current-context: away'))
    expect(await typed()).toMatchObject({
      exit: EXIT.usage,
      stderr: expect.stringContaining('its current context, away, leads to no cluster'),
    })
    expect((await typed('--context', 'home')).stdout).toContain('✓ Deployment home/hai-oauth2-proxy')
    expect(await typed('--context', 'nas')).toMatchObject({
      exit: EXIT.usage,
      stderr: expect.stringContaining('--context: "nas" is none of the kubeconfig\'s; expected home'),
    })
  })

  it('never says that all is well where it may not look', async () => {
    for (const object of objects) {
      if (object.kind === 'HTTPRoute') api.remove(object)
      else api.deny(object)
    }
    for (const object of objects.filter(({ kind }) => kind === 'HTTPRoute')) api.deny(object)
    const { exit, stdout, stderr } = await typed()
    expect(exit).toBe(EXIT.denied)
    expect(stdout).toBe('')
    expect(stderr).toContain(`look at none of ${objects.length} objects`)
  })

  it('says how many it may not look at, and ends with another status than when all is well', async () => {
    const routes = objects.filter(({ kind }) => kind === 'HTTPRoute')
    for (const route of routes) api.deny(route)
    const { exit, stderr } = await typed()
    expect(stderr).toContain(`${routes.length} of ${objects.length} objects may not be looked at`)
    expect(exit).toBe(EXIT.denied)
  })
})

describe('a look that cannot be taken', () => {
  it.each([
    ['wrong credentials', EXIT.denied, () => api.kubeconfig({ token: 'stolen' }), 'refuses the credentials'],
    [
      'a server that is down',
      EXIT.unreachable,
      () => api.kubeconfig().replaceAll(/localhost:\d+/g, 'localhost:1'),
      "https://localhost:1 can't be asked",
    ],
    [
      'a server that nobody vouches for',
      EXIT.unreachable,
      () => api.kubeconfig({ trusted: false }),
      "can't be asked",
    ],
    ['a kubeconfig that is none', EXIT.usage, () => 'clusters: [', "the kubeconfig can't be read"],
    ['a kubeconfig without a context', EXIT.usage, () => 'clusters: []', 'names no cluster'],
  ])('ends with a status and a word of its own: %s', async (_, status, config, said) => {
    useKubeconfig(config())
    const { exit, stderr, stdout } = await typed()
    expect(stderr).toContain(said)
    expect(stderr).not.toContain('stolen')
    expect(exit).toBe(status)
    expect(stdout).toBe('')
  })

  it('says so where no cluster is known, and where the kubeconfig is not there', async () => {
    vi.stubEnv('KUBECONFIG', undefined)
    vi.stubEnv('HOME', folder)
    expect(await typed()).toMatchObject({
      exit: EXIT.usage,
      stderr: expect.stringContaining('no cluster is known here'),
    })
    vi.stubEnv('KUBECONFIG', join(folder, 'no-such-file'))
    expect(await typed()).toMatchObject({ exit: EXIT.usage, stderr: expect.stringContaining('no-such-file') })
  })

  it('is a finding of hai doctor like any other', async () => {
    vi.stubEnv('KUBECONFIG', join(folder, 'no-such-file'))
    expect(await clusterFindings()).toEqual([
      { what: 'cluster', verdict: 'bad', text: expect.stringContaining('no-such-file') },
    ])
  })
})
