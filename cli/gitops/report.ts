import type { Finding } from '../show/finding.ts'

/** An object as it was generated, or as it lives. */
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

/** A field that we set and that has another value in the cluster; values are JSON, shortened. */
export interface Drift {
  path: string
  generated: string
  live: string
}

/** How one object is in the cluster. `unsure`: it may not be read, or has not said yet how it is. */
export interface ObjectStatus {
  kind: string
  namespace: string
  name: string
  state: 'there' | 'gone' | 'denied' | 'unknown'
  verdict: 'good' | 'bad' | 'unsure'
  text: string
  fix?: string
  drift: Drift[]
}

/** What is live, beside what was generated: `hai gitops status --json`. */
export interface ClusterStatus {
  server: string
  context: string
  objects: ObjectStatus[]
  /** Objects that Flux holds for hai and that are not generated any more. */
  leftovers: string[]
  /** The host names under which hai's routes live, as they look from here. */
  hosts: Finding[]
}
