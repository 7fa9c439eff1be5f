import { App, Testing } from 'cdk8s'
import { k8s } from 'cdk8s-plus-28'
import { Construct } from 'constructs'
import { expect, it } from 'vitest'
import { because, Folder, ManifestFile, reasonsOf } from '../../../cdk8s/charts/manifest-file.ts'
import { CiliumNetworkPolicy } from '../../../cdk8s/imports/cilium.io.ts'

const aFile = () => new ManifestFile(new Folder(new Construct(new App(), 'parts'), 'app', 'home'), 'file')

it('gives each object its namespace and says whose it is', () => {
  const file = aFile()
  new k8s.KubeConfigMap(file, 'map', { metadata: { name: 'map', labels: { a: 'b' } }, data: { c: 'd' } })
  expect(Testing.synth(file)).toEqual([
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'map', namespace: 'home', labels: { a: 'b', 'app.kubernetes.io/part-of': 'hai' } },
      data: { c: 'd' },
    },
  ])
})

it('takes no field that Kubernetes or a definition does not have', () => {
  const file = aFile()
  // @ts-expect-error it is concurrencyPolicy
  const spec: k8s.CronJobSpec = { schedule: '* * * * *', jobTemplate: {}, concurrency: 'Forbid' }
  new k8s.KubeCronJob(file, 'job', { metadata: { name: 'job' }, spec })
  expect(Testing.synth(file)[0].spec).toEqual({ schedule: '* * * * *', jobTemplate: {} })
  const open = { endpointSelector: { matchLabels: {} }, enableDefaultDeny: { ingress: false, egress: false } }
  new CiliumNetworkPolicy(file, 'policy', {
    metadata: { name: 'policy' },
    // @ts-expect-error a rule has ports
    spec: { ...open, egress: [{ toEntities: ['world'] }] },
  })
})

it('keeps the reasons for an object’s fields beside it, and not in it', () => {
  const file = aFile()
  const map = new k8s.KubeConfigMap(file, 'map', { metadata: { name: 'map' }, data: { a: 'b' } })
  because(map, { data: 'first' })
  because(map, { 'data.a': 'second' })
  expect(reasonsOf(map)).toEqual({ data: 'first', 'data.a': 'second' })
  expect(JSON.stringify(Testing.synth(file))).not.toContain('first')
})
