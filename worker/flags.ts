/** The options of `hai worker run`. */
export interface WorkerFlags {
  /** NAME or NAME/MODEL. */
  backend?: string
  lane?: string[]
  concurrency?: number
  name?: string
  /** Seconds. */
  grace?: number
  service?: boolean
}
