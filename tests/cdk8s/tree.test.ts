import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { problemsOf } from '../../cdk8s/checks/all.ts'
import { hasKubectl, kustomized, yamlStyle } from '../../cdk8s/checks/files.ts'
import { writeTree } from '../../cdk8s/repository/write.ts'
import type { Tree } from '../../cdk8s/tree.ts'
import { generatedObjects } from '../../cli/gitops/manifests.ts'
import { ALL, aTree, ELSEWHERE } from './configurations.ts'

interface Policy {
  endpointSelector: { matchLabels: Record<string, string> }
  enableDefaultDeny: { ingress: boolean; egress: boolean }
}

describe.each(ALL)('the manifests with $name', ({ input }) => {
  const tree = aTree(input)

  it('hold together: references, selectors, variables, hosts, no secrets', () => {
    expect(problemsOf(tree)).toEqual([])
  })

  it('are the YAML that a strict linter takes', () => {
    expect(yamlStyle(tree)).toEqual([])
  })

  it("isolate hai's own pods and nobody else's", () => {
    const policies = tree.entries.filter(({ object }) => object.kind === 'CiliumNetworkPolicy')
    const isolating = tree.config.network_policy.style === 'default-deny'
    for (const { object } of policies) {
      const { endpointSelector, enableDefaultDeny } = object.spec as Policy
      const name = endpointSelector.matchLabels['app.kubernetes.io/name'] ?? 'database'
      const ours = name.startsWith('hai-') || (name === 'database' && tree.config.database.kind === 'cluster')
      expect(enableDefaultDeny, object.metadata.name).toEqual(
        ours ? { ingress: isolating, egress: isolating } : { ingress: false, egress: false },
      )
    }
    expect(policies.length).toBeGreaterThan(3)
  })
})

it.runIf(hasKubectl())('are built by kubectl kustomize, folder by folder', () => {
  expect(kustomized(aTree())).toEqual([])
  expect(kustomized(aTree({ ...ELSEWHERE, edge: { kind: 'envoy-extauth' } }))).toEqual([])
})

it('come out the same to the byte, however often', () => {
  expect(aTree(ELSEWHERE).files).toEqual(aTree(ELSEWHERE).files)
})

const MERGED = {
  target: { kind: 'Deployment', name: 'hai-oauth2-proxy' },
  patch: { spec: { template: { spec: { priorityClassName: 'low' } } } },
}
const OPERATIONS = {
  target: { kind: 'ExternalSecret' },
  patch: [{ op: 'replace', path: '/spec/refreshInterval', value: '5m' }],
}

const listIn = (tree: Tree, part: string) => parse(tree.files.get(`${tree.home}/${part}/kustomization.yaml`)!)
const said = (input: object) => problemsOf(aTree(input)).map(({ where, what }) => `${where}: ${what}`)

describe('a patch', () => {
  const tree = aTree({ patches: [MERGED, OPERATIONS] })

  it('goes into the list of the part that has its target, as an object of that name', () => {
    const { patches } = listIn(tree, 'app')
    expect(patches[0].target).toEqual(MERGED.target)
    expect(parse(patches[0].patch)).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'hai-oauth2-proxy' },
      ...MERGED.patch,
    })
    expect(patches[1].target).toEqual({ kind: 'ExternalSecret', name: 'hai-oauth2-proxy' })
    expect(parse(patches[1].patch)).toEqual(OPERATIONS.patch)
  })

  it('without a name is for each object of its kind, in each part', () => {
    const names = ['windmill', 'database', 'dashboard', 'watchdog'].map((part) =>
      listIn(tree, part).patches.map(({ target }: { target: { name: string } }) => target.name),
    )
    const secrets = tree.entries.filter(({ object }) => object.kind === 'ExternalSecret')
    expect(names.flat()).toHaveLength(secrets.length - 1)
  })

  it('leaves a tree that is well', () => {
    expect([...problemsOf(tree), ...yamlStyle(tree)]).toEqual([])
  })

  it.runIf(hasKubectl())('is what hai gitops status expects to find', () => {
    const folder = mkdtempSync(join(tmpdir(), 'hai-patched-'))
    try {
      writeTree(folder, tree)
      const objects = generatedObjects(folder)
      expect(objects).toHaveLength(tree.entries.length)
      const found = objects.find(
        ({ kind, metadata }) => `${kind} ${metadata.name}` === 'Deployment hai-oauth2-proxy',
      )
      expect(found).toMatchObject({ metadata: { namespace: 'home' }, spec: MERGED.patch.spec })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it.runIf(hasKubectl())('is applied by kustomize', () => {
    expect(kustomized(tree)).toEqual([])
  })

  it.each([
    [
      { kind: 'Deployment', name: 'hai-proxy' },
      'no Deployment hai-proxy is made; there are hai-oauth2-proxy',
    ],
    [{ kind: 'Ingress' }, 'no Ingress at all is made; there are only BackendTrafficPolicy, '],
    [
      { kind: 'Kustomization', name: 'hai' },
      'a Kustomization is no object of a part; flux.components and its kin change it',
    ],
  ])('is refused when it is of what is not made: %j', (target, expected) => {
    expect(said({ patches: [{ target, patch: { spec: {} } }] }).join()).toContain(
      `patches.0.target: ${expected}`,
    )
  })

  it.each([
    ['text', 'spec: {}'],
    ['no list of operations', [{ op: 'add' }]],
    ['nothing', []],
  ])('is refused when it is %s', (_, patch) => {
    expect(() => aTree({ patches: [{ target: { kind: 'Deployment' }, patch }] })).toThrow('patches.0.patch')
  })
})
