import { type ApiObject, Chart } from 'cdk8s'
import { Construct } from 'constructs'
import type { Part } from '../names.ts'
import type { Reasons } from '../yaml.ts'

/** One part of hai: a folder below `<namespace>/hai`, built by a Flux Kustomization of its own into one namespace. */
export class Folder extends Construct {
  readonly part: Part | 'ks'
  readonly namespace: string

  constructor(scope: Construct, part: Part | 'ks', namespace: string) {
    super(scope, part)
    this.part = part
    this.namespace = namespace
  }

  /** The files that hold something, in the order of their names. */
  get files(): ManifestFile[] {
    const files = this.node.children.filter((child): child is ManifestFile => child instanceof ManifestFile)
    return files.filter(({ apiObjects }) => apiObjects.length > 0).sort((a, b) => (a.file < b.file ? -1 : 1))
  }
}

/** One file of the tree: a chart whose objects lie in one namespace. */
export class ManifestFile extends Chart {
  readonly file: string

  /** `file` is its name without `.yaml`. */
  constructor(folder: Folder, file: string) {
    const labels = { 'app.kubernetes.io/part-of': 'hai' }
    super(folder, file, { namespace: folder.namespace, labels, disableResourceNameHashes: true })
    this.file = file
  }
}

const BECAUSE = 'because'

/** Says beside a field, in the file, why it is as it is. */
export const because = (object: ApiObject, reasons: Reasons): void =>
  object.node.addMetadata(BECAUSE, reasons)

export const reasonsOf = (object: ApiObject): Reasons =>
  Object.assign(
    {},
    ...object.node.metadata.filter(({ type }) => type === BECAUSE).map(({ data }) => data as Reasons),
  )

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
