import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { stringify } from 'yaml'
import type { KubeObject } from '../../cdk8s/charts/manifest-file.ts'
import { parseConfig, readConfig } from '../../cdk8s/config/read.ts'
import { run } from '../../cdk8s/program.ts'
import { writeTree } from '../../cdk8s/repository/write.ts'
import { type Tree, treeOf } from '../../cdk8s/tree.ts'
import { EXIT } from '../../cli/failure.ts'
import { connectCluster } from '../../cli/gitops/cluster.ts'
import { generatedObjects } from '../../cli/gitops/manifests.ts'
import { liveStatus } from '../../cli/gitops/status.ts'
import { ALL } from '../cdk8s/configurations.ts'
import { REPOSITORY } from '../cli/gitops/flux-repository.ts'
import { aHomeFolder, runHai } from '../cli/run-hai.ts'
import { statusOf } from '../support/live-objects.ts'
import { buildProject } from '../support/stack.ts'
import { KubeApi } from './kube/api-server.ts'
import { apply, type Built, builtByFlux, filled } from './kube/flux-apply.ts'
import { WITHOUT_DEFINITION } from './kube/without-definition.ts'
import { peer } from './peer.ts'

const EXAMPLES = join(import.meta.dirname, '..', '..', 'cdk8s', 'examples')
const folder = mkdtempSync(join(tmpdir(), 'hai-kube-'))
const api = new KubeApi(folder)
const home = aHomeFolder()

beforeAll(async () => {
  await Promise.all([api.start(), buildProject()])
  const definitions = peer('HAI_PEER_DEFINITIONS')
  await api.kubectl('create', '--filename', definitions)
  await api.kubectl('wait', '--for=condition=Established', '--timeout=120s', 'crd', '--all')
})
afterAll(async () => {
  await api.stop()
  home.remove()
  rmSync(folder, { recursive: true })
})

/** Namespaces in which pods run only as `restricted` says, and each has its account, as a controller would make it. */
async function makeNamespaces(objects: readonly KubeObject[]): Promise<void> {
  const mode = 'pod-security.kubernetes.io'
  const labels = { [`${mode}/enforce`]: 'restricted', [`${mode}/warn`]: 'restricted' }
  const names = new Set(objects.map(({ metadata }) => metadata.namespace))
  for (const name of names) {
    const about = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }
    const account = {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace: name },
    }
    await apply(api, [about, account], folder)
  }
}

const isDefined = ({ kind }: KubeObject) => !WITHOUT_DEFINITION.includes(kind)

interface Look {
  kind: string
  /** All that is not the server's own bookkeeping. */
  content: object
  version: string
}

async function looks(objects: readonly KubeObject[]): Promise<Look[]> {
  const file = join(folder, 'look.yaml')
  writeFileSync(file, objects.map((object) => stringify(object)).join('---\n'))
  const found = await api.list<KubeObject & { metadata: { resourceVersion: string } }>('--filename', file)
  return found.map(({ metadata: { resourceVersion, ...metadata }, ...rest }) => ({
    kind: rest.kind,
    content: { ...rest, metadata },
    version: resourceVersion,
  }))
}

/** The folder of a repository that this tree was written into. */
function written(tree: Tree): string {
  const repository = mkdtempSync(join(folder, 'repository-'))
  writeTree(repository, tree)
  return repository
}

/** As the controllers would: there are none. */
async function writeStatuses(objects: readonly KubeObject[]): Promise<void> {
  for (const object of objects.filter(isDefined)) {
    const status = statusOf(object)
    if (status) await api.writeStatus(object, status)
  }
}

/** Holds that `hai gitops status` has nothing against what is generated in a repository. */
async function expectWell(repository: string): Promise<void> {
  vi.stubEnv('KUBECONFIG', api.kubeconfig)
  const generated = generatedObjects(repository)
  const status = await liveStatus(connectCluster(), generated.filter(isDefined))
  const { exit, stdout } = await runHai(['gitops', 'status', '--dir', repository], home)
  vi.unstubAllEnvs()
  expect(status.objects.filter(({ verdict }) => verdict !== 'good')).toEqual([])
  expect(status.leftovers).toEqual([])
  // the kinds that this server does not know, and the host, which is nobody's
  const told = stdout.split('\n').filter((line) => line.startsWith('✗'))
  expect(told.filter((line) => !WITHOUT_DEFINITION.some((kind) => line.includes(kind)))).toEqual([
    expect.stringMatching(/https:\/\/hai\.example\.com/),
  ])
  expect(told).toHaveLength(generated.filter((object) => !isDefined(object)).length + 1)
  expect(exit).toBe(EXIT.findings)
}

interface Templated extends KubeObject {
  spec: { template?: object; jobTemplate?: { spec: { template: object } } }
}

/** A pod as the controller of its kind would make it. */
function podOf(object: KubeObject): object | undefined {
  const { spec, metadata } = object as Templated
  const template = spec?.template ?? spec?.jobTemplate?.spec.template
  if (!template || !['Deployment', 'CronJob'].includes(object.kind)) return undefined
  const { name, namespace } = metadata
  return { apiVersion: 'v1', kind: 'Pod', ...template, metadata: { name, namespace } }
}

describe.each(readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml')))('the example %s', (name) => {
  let tree: Tree
  let parts: Built[]
  const all = () => parts.flatMap(({ objects }) => objects)

  beforeAll(async () => {
    tree = treeOf((await readConfig(join(EXAMPLES, name))).config)
    await makeNamespaces(tree.entries.map(({ object }) => object))
    parts = await builtByFlux(api, written(tree), tree.home)
  })
  afterAll(async () => {
    const file = join(folder, 'remove.yaml')
    writeFileSync(
      file,
      all()
        .filter(isDefined)
        .map((object) => stringify(object))
        .join('---\n'),
    )
    await api.kubectl('delete', '--ignore-not-found', '--filename', file)
  })

  it('loses no object on the way through kustomize', () => {
    const names = (objects: readonly KubeObject[]) =>
      objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`).sort()
    expect(names(all())).toEqual(names(tree.entries.map(({ object }) => object)))
  })

  it('is taken as it is, every field known, and without a warning', async () => {
    for (const { name, objects } of parts) {
      const { stderr } = await apply(api, objects.filter(isDefined), folder)
      expect(stderr, name).toBe('')
    }
  })

  it('changes nothing when it is applied again', async () => {
    const objects = all().filter(isDefined)
    const first = await looks(objects)
    await apply(api, objects, folder)
    const second = await looks(objects)
    // a Kustomization's version moves once, when what the server has filled in gets its owner, and nothing in it changes
    expect(second.map(({ content }) => content)).toEqual(first.map(({ content }) => content))
    const moved = second.filter(({ version }, index) => version !== first[index]!.version)
    expect(moved.filter(({ kind }) => kind !== 'Kustomization')).toEqual([])
    await apply(api, objects, folder)
    expect(await looks(objects)).toEqual(second)
    expect(second).toHaveLength(objects.length)
  })

  it('has pods that are let in where only restricted ones are', async () => {
    const pods = all().flatMap((object) => podOf(object) ?? [])
    const file = join(folder, 'pods.yaml')
    writeFileSync(file, pods.map((pod) => stringify(pod)).join('---\n'))
    const { stderr } = await api.kubectl('create', '--dry-run=server', '--filename', file)
    expect(stderr).toBe('')
    expect(pods.length).toBeGreaterThan(0)
  })

  it('is well by hai gitops status when the controllers have written, of which there are none: this does', async () => {
    await writeStatuses(all())
    await expectWell(written(tree))
  })

  it('is well by npm run validate -- --cluster', async () => {
    vi.stubEnv('KUBECONFIG', api.kubeconfig)
    const lines: string[] = []
    const status = await run(['validate', '--config', join(EXAMPLES, name), '--cluster'], (line) =>
      lines.push(line),
    )
    vi.unstubAllEnvs()
    const said = lines.join('\n')
    const rest = tree.entries.some(({ object }) => !isDefined(object))
    expect(said).toContain('definitions in the cluster home')
    expect(status, said).toBe(rest ? 1 : 0)
  })
})

describe('one evening', () => {
  it('leads from a Flux repository by hai gitops init to a status that is well', async () => {
    const repository = mkdtempSync(join(folder, 'home-ops-'))
    for (const [file, text] of Object.entries(REPOSITORY)) {
      mkdirSync(dirname(join(repository, file)), { recursive: true })
      writeFileSync(join(repository, file), text)
    }
    const init = ['gitops', 'init', repository, '--yes', '--groups', 'admins', '--add-line']
    const { exit, stderr } = await runHai(init, home)
    expect(exit, stderr).toBe(EXIT.done)
    const list = readFileSync(join(repository, 'kubernetes/apps/home/kustomization.yaml'), 'utf8')
    expect(list).toContain('./hai/ks.yaml')
    const parts = await builtByFlux(api, repository, 'kubernetes/apps/home/hai')
    await makeNamespaces(parts.flatMap(({ objects }) => objects))
    for (const { objects } of parts) {
      expect((await apply(api, objects.filter(isDefined), folder)).stderr).toBe('')
      await writeStatuses(objects)
    }
    await expectWell(repository)
  })
})

describe('every configuration of the matrix', () => {
  it.each(ALL)('is taken as it is: $name', async ({ input }) => {
    const tree = treeOf(parseConfig(input))
    await makeNamespaces(tree.entries.map(({ object }) => object))
    const objects = JSON.parse(
      filled(JSON.stringify(tree.entries.map(({ object }) => object))),
    ) as KubeObject[]
    expect((await apply(api, objects.filter(isDefined), folder)).stderr).toBe('')
  })
})

describe('what is not right', () => {
  it('is refused by the server: a field that it does not know, and a pod that is not restricted', async () => {
    const [first] = ALL
    const tree = treeOf(parseConfig(first!.input))
    await makeNamespaces(tree.entries.map(({ object }) => object))
    const objects = (await builtByFlux(api, written(tree), tree.home)).flatMap(({ objects }) => objects)
    const route = objects.find(({ kind }) => kind === 'HTTPRoute')!
    const strange = { ...route, spec: { ...(route.spec as object), hostname: 'hai.example.com' } }
    await expect(apply(api, [strange], folder)).rejects.toThrow(
      '.spec.hostname: field not declared in schema',
    )
    const rooted = podOf(objects.find(({ kind }) => kind === 'CronJob')!) as { spec: object }
    const file = join(folder, 'rooted.yaml')
    writeFileSync(file, stringify({ ...rooted, spec: { ...rooted.spec, hostNetwork: true } }))
    await expect(api.kubectl('create', '--dry-run=server', '--filename', file)).rejects.toThrow(
      'violates PodSecurity "restricted',
    )
  })
})
