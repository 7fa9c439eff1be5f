import { ApiObject, Chart } from 'cdk8s'
import { Construct } from 'constructs'
import type * as z from 'zod'
import type { Part } from '../names.ts'
import { API_VERSIONS, type Kind } from '../schemas/api-versions.ts'
import type { CATALOG } from '../schemas/catalog.ts'

const KEPT = { 'kustomize.toolkit.fluxcd.io/prune': 'disabled' }

/** One part of hai: a folder below `<namespace>/hai`, built by a Flux Kustomization of its own into one namespace. */
export class Folder extends Construct {
  readonly part: Part | 'ks'
  readonly namespace: string
  /** Whether its objects stay when hai is taken away. */
  readonly outlives: boolean

  constructor(scope: Construct, part: Part | 'ks', namespace: string, { outlives = false } = {}) {
    super(scope, part)
    this.part = part
    this.namespace = namespace
    this.outlives = outlives
  }

  /** The files that hold something, in the order of their names. */
  get files(): ManifestFile[] {
    const files = this.node.children.filter((child): child is ManifestFile => child instanceof ManifestFile)
    return files.filter(({ apiObjects }) => apiObjects.length > 0).sort((a, b) => (a.file < b.file ? -1 : 1))
  }
}

type Body<K extends Kind> = Omit<z.input<(typeof CATALOG)[K]>, 'apiVersion' | 'kind' | 'metadata'>

interface More {
  labels?: Record<string, string>
  annotations?: Record<string, string>
}

/** One file of the tree: a chart whose objects lie in one namespace. */
export class ManifestFile extends Chart {
  readonly file: string
  readonly folder: Folder

  /** `file` is its name without `.yaml`. */
  constructor(folder: Folder, file: string) {
    const labels = { 'app.kubernetes.io/part-of': 'hai' }
    super(folder, file, { namespace: folder.namespace, labels, disableResourceNameHashes: true })
    this.file = file
    this.folder = folder
  }

  /** Adds one object; its fields are those of the kind's schema. */
  add<K extends Kind>(kind: K, name: string, body: Body<K>, more: More = {}): ApiObject {
    const apiVersion = API_VERSIONS[kind]
    const annotations = { ...(this.folder.outlives ? KEPT : {}), ...more.annotations }
    const metadata = { name, ...more, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) }
    return new ApiObject(this, `${kind}-${name}`, { apiVersion, kind, metadata, ...body })
  }
}

/** The resource's name in the API's paths: lower case and plural. */
export const pluralOf = (kind: string): string => `${kind.toLowerCase().replace(/y$/, 'ie')}s`

/** An object of Kubernetes as it is written. */
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  [field: string]: unknown
}
