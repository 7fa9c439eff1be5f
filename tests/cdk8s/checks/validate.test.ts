import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Crd } from '../../../cdk8s/checks/crds.ts'
import { validate } from '../../../cdk8s/checks/validate.ts'
import { ApiServer } from '../../support/api-server.ts'
import { aTree } from '../configurations.ts'

const api = new ApiServer()
const tree = aTree()
let folder: string

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }

/** A definition as an old cluster may have it: it knows the version, and of the spec what `spec` says. */
function define(kind: string, name: string, version: string, spec: object = anything): void {
  const group = name.slice(name.indexOf('.') + 1)
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec } } }
  const crd: Crd = { spec: { group, names: { kind }, versions: [{ name: version, served: true, schema }] } }
  api.putAt(`${DEFINITIONS}/${name}`, { apiVersion: 'apiextensions.k8s.io/v1', ...crd })
}

async function validated(): Promise<string> {
  const lines: string[] = []
  const status = await validate(tree, { cluster: true, print: (line) => lines.push(line) })
  return [...lines, `status ${status}`].join('\n')
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hai-crds-'))
  await api.start()
  writeFileSync(join(folder, 'config'), api.kubeconfig())
  vi.stubEnv('KUBECONFIG', join(folder, 'config'))
  // an empty folder, so that only the cluster's definitions are heard
  vi.stubEnv('HAI_CRDS', folder)
})
afterAll(() => {
  api.stop()
  rmSync(folder, { recursive: true })
  vi.unstubAllEnvs()
})
beforeEach(() => {
  api.clear()
  for (const { object } of tree.entries) {
    const [group, version] = object.apiVersion.split('/')
    if (!group?.includes('.')) continue
    const plural = `${object.kind.toLowerCase().replace(/y$/, 'ie')}s`
    define(object.kind, `${plural}.${group}`, version!)
  }
})

describe('validate --cluster', () => {
  it('holds the manifests against what is installed there', async () => {
    const said = await validated()
    expect(said).toContain('definitions in the cluster home: 10 kinds')
    expect(said).toContain('status 0')
  })

  it('notices a field that the installed version does not know', async () => {
    const spec = { type: 'object', properties: { endpointSelector: anything, ingress: {}, egress: {} } }
    define('CiliumNetworkPolicy', 'ciliumnetworkpolicies.cilium.io', 'v2', spec)
    const said = await validated()
    expect(said).toContain(
      'hai-watchdog-allow: /spec must NOT have additional properties (enableDefaultDeny)',
    )
    expect(said).toContain('status 1')
  })

  it('notices a kind that is not installed, one in another version, and one it may not read', async () => {
    define('ExternalSecret', 'externalsecrets.external-secrets.io', 'v1beta1')
    api.denied.add(`${DEFINITIONS}/clusters.postgresql.cnpg.io`)
    api.denied.add(`${DEFINITIONS}/httproutes.gateway.networking.k8s.io`)
    const said = await validated()
    expect(said).toContain('httproutes.gateway.networking.k8s.io: may not be read with this kubeconfig')
    expect(said).toMatch(/ExternalSecret home\/hai-watchdog: .*must NOT be valid/)
  })

  it('stops at a folder of definitions that is not there', async () => {
    vi.stubEnv('HAI_CRDS', join(folder, 'none'))
    await expect(validated()).rejects.toThrow('HAI_CRDS: there is no folder')
    vi.stubEnv('HAI_CRDS', folder)
  })

  it('stops at a kubeconfig that is none, and at a server that is not there', async () => {
    vi.stubEnv('KUBECONFIG', join(folder, 'no-such-file'))
    await expect(validated()).rejects.toThrow("the kubeconfig can't be read")
    writeFileSync(join(folder, 'elsewhere'), api.kubeconfig().replaceAll(/localhost:\d+/g, 'localhost:1'))
    vi.stubEnv('KUBECONFIG', join(folder, 'elsewhere'))
    await expect(validated()).rejects.toThrow("https://localhost:1 can't be asked")
  })
})
