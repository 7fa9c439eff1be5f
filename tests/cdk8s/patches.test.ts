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
import { aTree, objectIn } from './configurations.ts'

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

describe('Flux', () => {
  const spec = (input: object, name: string) => objectIn(aTree(input), 'Kustomization', name).spec as object

  it('is given components for the app and labels for all', () => {
    const flux = {
      components: ['../../../../components/gatus'],
      common_labels: { 'app.kubernetes.io/name': 'hai' },
    }
    expect(spec({ flux }, 'hai')).toMatchObject({ components: flux.components })
    expect(spec({ flux }, 'hai-database')).not.toHaveProperty('components')
    for (const name of ['hai', 'hai-database', 'hai-watchdog']) {
      expect(spec({ flux }, name)).toMatchObject({ commonMetadata: { labels: flux.common_labels } })
    }
    expect(said({ flux })).toEqual([])
  })

  it('may keep all Kustomizations in one namespace; what they build stays where it was', () => {
    const tree = aTree({ flux: { namespace: 'flux-system' } })
    expect(problemsOf(tree)).toEqual([])
    const { metadata, spec } = objectIn(tree, 'Kustomization', 'hai-watchdog')
    expect(metadata.namespace).toBe('flux-system')
    expect(spec).toMatchObject({
      targetNamespace: 'home',
      dependsOn: [{ name: 'hai', namespace: 'flux-system' }],
    })
  })
})

describe('exposure', () => {
  const gateway = { name: 'external' }

  it('to the internet names its gateway, and the tunnel’s entry where one is needed', () => {
    const tunnel = 'https://envoy-external.network.svc:443'
    const tree = aTree({ exposure: 'external', external: { tunnel }, gateway })
    const { content } = { content: parse(tree.files.get(`${tree.home}/operator/cloudflared.yaml`)!) }
    const host = `hai.\${SECRET_DOMAIN}`
    expect(content.ingress).toEqual([
      { hostname: host, service: tunnel, originRequest: { originServerName: host } },
    ])
    expect(problemsOf(tree)).toEqual([])
    expect([...aTree({ exposure: 'external', gateway }).files.keys()].join()).not.toContain('cloudflared')
  })

  it.each([
    [{ exposure: 'external' }, 'gateway.name'],
    [{ exposure: 'public' }, 'exposure: "public" is not accepted'],
    [{ external: {} }, 'external: {} is not accepted; expected nothing with exposure: internal'],
    [{ exposure: 'external', gateway, external: { tunnel: 'tcp://x' } }, 'external.tunnel'],
  ])('is refused when it contradicts itself: %j', (input, expected) => {
    expect(() => aTree(input)).toThrow(expected)
  })
})

it('keeps the database and all that it lives by when hai is taken away', () => {
  const kept = ({ metadata }: { metadata: { annotations?: Record<string, string> } }) =>
    metadata.annotations?.['kustomize.toolkit.fluxcd.io/prune'] === 'disabled'
  for (const { file, object } of aTree().entries) {
    expect(kept(object), `${object.kind} ${object.metadata.name}`).toBe(file.includes('/database/'))
  }
})
