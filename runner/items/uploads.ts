import { readText, writeAtomically } from '../files.ts'

/** A script that a client deployed by HTTP, in place of or beside those of the bundle. */
export interface UploadedScript {
  path: string
  content: string
  summary: string
  description: string
  schema: unknown
  tag: string | undefined
  /** Seconds. */
  timeout: number | undefined
  /** It is listed no more, and runs as before. */
  archived?: true
}

export interface UploadedFlow {
  path: string
  summary: string
  description: string
  schema: unknown
  value: unknown
}

/** A schedule or trigger, with the fields that its file would have. */
export type UploadedItem = Record<string, unknown>

interface State {
  scripts: Record<string, UploadedScript>
  flows: Record<string, UploadedFlow>
  schedules: Record<string, UploadedItem>
  http_triggers: Record<string, UploadedItem>
}

const EMPTY: State = { scripts: {}, flows: {}, schedules: {}, http_triggers: {} }

/** What clients deployed by HTTP, kept in one file; the bundle's own files stay as they are. */
export class Uploads {
  #file: string
  #state: State
  /** Counts the changes. */
  revision = 0

  constructor(file: string) {
    this.#file = file
    this.#state = readState(file)
  }

  script(path: string): UploadedScript | undefined {
    return own(this.#state.scripts, path)
  }

  flow(path: string): UploadedFlow | undefined {
    return own(this.#state.flows, path)
  }

  /** Those of a kind, by path. */
  items(kind: 'schedules' | 'http_triggers'): [path: string, item: UploadedItem][] {
    return Object.entries(this.#state[kind])
  }

  setItem(kind: 'schedules' | 'http_triggers', path: string, item: UploadedItem): void {
    this.#save({ ...this.#state, [kind]: { ...this.#state[kind], [path]: item } })
  }

  has(kind: keyof State, path: string): boolean {
    return Object.hasOwn(this.#state[kind], path)
  }

  paths(kind: keyof State): string[] {
    return Object.keys(this.#state[kind])
  }

  setScript(script: UploadedScript): void {
    this.#save({ ...this.#state, scripts: { ...this.#state.scripts, [script.path]: script } })
  }

  setFlow(flow: UploadedFlow): void {
    this.#save({ ...this.#state, flows: { ...this.#state.flows, [flow.path]: flow } })
  }

  remove(kind: keyof State, path: string): void {
    const { [path]: _gone, ...others } = this.#state[kind]
    this.#save({ ...this.#state, [kind]: others })
  }

  #save(state: State): void {
    writeAtomically(this.#file, `${JSON.stringify(state, null, 2)}\n`)
    this.#state = state
    this.revision += 1
  }
}

function own<T>(records: Record<string, T>, path: string): T | undefined {
  return Object.hasOwn(records, path) ? records[path] : undefined
}

function readState(file: string): State {
  try {
    return { ...EMPTY, ...(JSON.parse(readText(file) ?? '{}') as Partial<State>) }
  } catch (error) {
    throw new Error(`${file} cannot be read; mend it, or move it away to lose what was deployed by HTTP`, {
      cause: error,
    })
  }
}
