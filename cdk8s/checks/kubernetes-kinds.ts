import { isDeepStrictEqual } from 'node:util'
import { k8s } from 'cdk8s-plus-28'
import type { KubeObject } from '../charts/manifest-file.ts'
import type { Tree } from '../tree.ts'
import { type Problem, shown } from './problem.ts'

/** Kubernetes' own kinds as cdk8s-plus knows them from its API: they write the fields that there are and no other. */
const KINDS: Record<string, { manifest(props: object): object }> = {
  ConfigMap: k8s.KubeConfigMap,
  CronJob: k8s.KubeCronJob,
  Deployment: k8s.KubeDeployment,
  Service: k8s.KubeService,
  ServiceAccount: k8s.KubeServiceAccount,
}

/** Every field of a built-in kind is one that Kubernetes has; what custom resources may hold, their definitions say. */
export function kubernetesKinds({ entries }: Tree): Problem[] {
  return entries.flatMap(({ object }) => {
    const kind = KINDS[object.kind]
    if (!kind) return []
    const known = plain(kind.manifest(boxed(object) as KubeObject))
    return strays(object, known).map((path) => ({
      where: shown(object),
      what: `${path}: Kubernetes has no such field, or not with this value`,
    }))
  })
}

const BOXES = /^(limits|requests)$/
const BOXED = /^(sizeLimit|targetPort)$/

/** Quantities, and ports that may be names, are objects to cdk8s-plus. */
function boxed(value: unknown, key = '', box = false): unknown {
  if (Array.isArray(value)) return value.map((item) => boxed(item))
  if (typeof value === 'object' && value !== null) {
    const inner = Object.entries(value).map(([name, item]) => [
      name,
      boxed(item, name, BOXES.test(key) || `${key}.${name}` === 'httpGet.port'),
    ])
    return Object.fromEntries(inner)
  }
  return box || BOXED.test(key) ? { value } : value
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** The paths at which `known` lacks something of `given`. */
function strays(given: unknown, known: unknown, path: string[] = []): string[] {
  if (typeof given !== 'object' || given === null)
    return isDeepStrictEqual(given, known) ? [] : [path.join('.')]
  return Object.entries(given).flatMap(([key, item]) =>
    strays(item, (known as Record<string, unknown> | undefined)?.[key], [...path, key]),
  )
}
