import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseConfig } from '../../../cdk8s/config/read.ts'
import { writeTree } from '../../../cdk8s/repository/write.ts'
import { treeOf } from '../../../cdk8s/tree.ts'
import type { KubeObject } from '../../../cli/gitops/judge.ts'
import { generatedObjects } from '../../../cli/gitops/manifests.ts'
import { patched } from '../../../cli/gitops/patch.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hai-patched-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

it('compares with what kustomize makes: the operator’s patches are no drift, and what he merges himself is none of hai’s', () => {
  const patches = [
    {
      target: { kind: 'Deployment', name: 'hai-oauth2-proxy' },
      patch: {
        spec: {
          replicas: null,
          template: {
            spec: { containers: [{ name: 'main', env: [{ name: 'TZ', value: 'UTC' }] }] },
          },
        },
      },
    },
    {
      target: { kind: 'ExternalSecret', name: 'hai-oauth2-proxy' },
      patch: [{ op: 'replace', path: '/spec/refreshInterval', value: '5m' }],
    },
  ]
  writeTree(folder, treeOf(parseConfig({ patches, windmill: { release: 'own' } })))
  const objects = generatedObjects(folder)
  const found = (kind: string, name: string) =>
    objects.find((object) => object.kind === kind && object.metadata.name === name) as KubeObject & {
      spec: {
        replicas?: number
        refreshInterval?: string
        template: { spec: { containers: { image: string; env: { name: string }[] }[] } }
      }
    }
  const { spec } = found('Deployment', 'hai-oauth2-proxy')
  expect(spec).not.toHaveProperty('replicas')
  const [container, ...others] = spec.template.spec.containers
  expect(others).toEqual([])
  expect(container!.image).toContain('oauth2-proxy')
  expect(container!.env[0]).toEqual({ name: 'TZ', value: 'UTC' })
  expect(container!.env.length).toBeGreaterThan(10)
  expect(found('ExternalSecret', 'hai-oauth2-proxy').spec.refreshInterval).toBe('5m')
  expect(found('ExternalSecret', 'hai-windmill').spec.refreshInterval).toBe('1h')
  expect(objects.map(({ kind }) => kind)).not.toContain('HelmRelease')
})

const OBJECT: KubeObject = {
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumNetworkPolicy',
  metadata: { name: 'a', namespace: 'b' },
  spec: { list: ['x', 'y'], 'a/b': { c: 1 }, ingress: [{ name: 'one' }] },
}

it.each<[unknown, object]>([
  [
    { spec: { list: ['z'], ingress: [{ name: 'two' }] } },
    { list: ['z'], 'a/b': { c: 1 }, ingress: [{ name: 'two' }] },
  ],
  [{ spec: { list: null } }, { 'a/b': { c: 1 }, ingress: [{ name: 'one' }] }],
  [
    [
      { op: 'add', path: '/spec/list/-', value: 'z' },
      { op: 'add', path: '/spec/list/0', value: 'w' },
      { op: 'remove', path: '/spec/list/1' },
      { op: 'replace', path: '/spec/a~1b/c', value: 2 },
      { op: 'copy', from: '/spec/a~1b', path: '/spec/copied' },
      { op: 'move', from: '/spec/ingress', path: '/spec/egress' },
      { op: 'test', path: '/spec/copied/c', value: 2 },
    ],
    { list: ['w', 'y', 'z'], 'a/b': { c: 2 }, copied: { c: 2 }, egress: [{ name: 'one' }] },
  ],
])('changes an object as kustomize does: %j', (patch, spec) => {
  const target = { kind: 'CiliumNetworkPolicy', name: 'a' }
  expect(patched(OBJECT, [{ target, patch }])).toEqual({ ...OBJECT, spec })
  expect(patched(OBJECT, [{ target: { ...target, name: 'b' }, patch }])).toEqual(OBJECT)
})

it('says which patch leads nowhere', () => {
  const target = { kind: 'CiliumNetworkPolicy', name: 'a' }
  const patch = [{ op: 'add', path: '/spec/none/x', value: 1 }]
  expect(() => patched(OBJECT, [{ target, patch }])).toThrow('names /spec/none/x, which is not there')
})
