import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { generatedObjects, ownManifests } from '../../cli/gitops-manifests.ts'
import { statusFindings } from '../../cli/gitops-status.ts'
import { connectCluster } from '../../f/hai/core/gitops/cluster.ts'
import type { KubeObject, ObjectStatus } from '../../f/hai/core/gitops/report.ts'
import { clusterStatus } from '../../f/hai/core/gitops/status.ts'
import { bunBinary } from '../../runner/bun-binary.ts'
import { aCaller } from '../support/factories.ts'
import { ApiServer } from './api-server.ts'
import { liveOf } from './live-objects.ts'

const api = new ApiServer()
const objects = generatedObjects(ownManifests())
const root = join(import.meta.dirname, '..', '..')
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hai-kube-'))
  await api.start()
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

const look = (wanted: object[] = objects) => clusterStatus(connectCluster(), { objects: wanted }, aCaller())
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

  it('is asked for single objects only, and for none that the generated role does not name', async () => {
    await look()
    const allowed = objects
      .filter(({ kind }) => kind === 'Role')
      .flatMap(({ rules, metadata }) =>
        (rules as { apiGroups: string[]; resources: string[]; resourceNames: string[] }[]).flatMap(
          ({ apiGroups, resources, resourceNames }) =>
            resourceNames.map((name) => `${apiGroups[0]} ${metadata.namespace}/${resources[0]}/${name}`),
        ),
      )
    const asked = api.requests.map((request) =>
      request.replace(/^GET \/apis?\/(?:([^/]+)\/)?v\w+\/namespaces\//, (_, group) => `${group ?? ''} `),
    )
    expect(asked.filter((one) => !allowed.includes(one))).toEqual([])
    expect(asked.length).toBeGreaterThan(20)
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
    const lines = statusFindings({ server: '', objects: [seen], leftovers: [], hosts: [] }).map(
      ({ text }) => text,
    )
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
  })
})

describe('a look that cannot be taken', () => {
  it('says which server, when it refuses the credentials or is not there', async () => {
    useKubeconfig(api.kubeconfig({ token: 'stolen' }))
    await expect(look()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('refuses the credentials'),
    })
    useKubeconfig(api.kubeconfig().replaceAll(/localhost:\d+/g, 'localhost:1'))
    await expect(look()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining("localhost:1 can't be asked"),
    })
  })

  it('says so where no cluster is known', async () => {
    vi.stubEnv('KUBECONFIG', undefined)
    vi.stubEnv('HOME', folder)
    expect(() => connectCluster()).toThrow('no cluster is known here')
  })

  it('says so where the kubeconfig is none', () => {
    useKubeconfig('clusters: [')
    expect(() => connectCluster()).toThrow("the kubeconfig can't be read")
    vi.stubEnv('KUBECONFIG', join(folder, 'no-such-file'))
    expect(() => connectCluster()).toThrow('no-such-file')
  })

  it('is for the operator alone, and never for a Secret', async () => {
    const cluster = connectCluster()
    await expect(clusterStatus(cluster, { objects }, aCaller('robot'))).rejects.toMatchObject({
      code: 'forbidden',
    })
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a', namespace: 'b' } }
    await expect(look([secret])).rejects.toThrow('objects.0.kind: "Secret" is not accepted')
    expect(api.requests).toEqual([])
  })
})

describe('under Bun, as doors run', () => {
  const code = `import { connectCluster } from '${root}/f/hai/core/gitops/cluster.ts'
    const found = await connectCluster().read(${JSON.stringify(ours('HTTPRoute', 'hai'))})
    console.log(found.state)`
  const underBun = (config: string) => {
    mkdirSync(join(folder, 'home', '.kube'), { recursive: true })
    writeFileSync(join(folder, 'home', '.kube', 'config'), config)
    const env = { PATH: process.env.PATH, HOME: join(folder, 'home') }
    return promisify(execFile)(bunBinary(), ['-e', code], { env, cwd: root })
  }

  it('trusts the authority of the kubeconfig, and no server without one', async () => {
    expect((await underBun(api.kubeconfig())).stdout).toBe('there\n')
    await expect(underBun(api.kubeconfig({ trusted: false }))).rejects.toThrow("can't be asked")
  })
})
