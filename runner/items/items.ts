import { ApiError } from '../api-error.ts'
import { readText, writeAtomically } from '../files.ts'
import type { Bundle } from './bundle.ts'
import type { Reader } from './references.ts'

export interface Variable {
  value: string
  is_secret: boolean
  description: string
}

export interface Resource {
  value: unknown
  resource_type: string
  description: string
}

interface State {
  variables: Record<string, Variable>
  resources: Record<string, Resource>
  /** Schedules that were switched on or off, whatever their files say. */
  schedules: Record<string, boolean>
}

const PATH = /^[fu](\/[\w-]+)+$/
/** The operator's own configuration: on this machine a file, on Windmill a resource. */
const SETTINGS = /^u\/operator\/hai_([a-z_]+)$/

/** Variables and resources: those of the bundle's files, and over them what scripts set, kept in one file. */
export class Items {
  #bundle: Bundle
  #file: string
  #state: State
  #settings: (name: string) => unknown

  constructor(options: {
    bundle: Bundle
    stateFile: string
    settings: (name: string) => unknown
  }) {
    this.#bundle = options.bundle
    this.#file = options.stateFile
    this.#settings = options.settings
    this.#state = readState(options.stateFile)
  }

  variable(path: string): Variable | undefined {
    const set = own(this.#state.variables, path)
    if (set) return set
    const file = this.#bundle.item(path, 'variable')
    if (!file) return undefined
    return {
      value: String(file.value ?? ''),
      is_secret: file.is_secret === true,
      description: String(file.description ?? ''),
    }
  }

  resource(path: string): Resource | undefined {
    const set = own(this.#state.resources, path)
    if (set) return set
    const [, name] = SETTINGS.exec(path) ?? []
    const value = name ? this.#settings(name) : undefined
    if (value !== undefined)
      return { value, resource_type: `c_hai_${name}`, description: `${name}.yaml of the operator` }
    const file = this.#bundle.item(path, 'resource')
    if (!file) return undefined
    return {
      value: file.value ?? null,
      resource_type: String(file.resource_type ?? ''),
      description: String(file.description ?? ''),
    }
  }

  /** The operator's configurations that were set here and not in a file, as a text that is another when one changes. */
  settingsSet(): string {
    return JSON.stringify(Object.entries(this.#state.resources).filter(([path]) => SETTINGS.test(path)))
  }

  /** Paths of all variables, or of all resources, sorted. */
  paths(kind: 'variable' | 'resource'): string[] {
    const set = kind === 'variable' ? this.#state.variables : this.#state.resources
    const files = this.#bundle.items(kind).map(([path]) => path)
    return [...new Set([...files, ...Object.keys(set)])].sort()
  }

  setVariable(path: string, variable: Variable): void {
    checkPath(path)
    this.#save({ ...this.#state, variables: { ...this.#state.variables, [path]: variable } })
  }

  setResource(path: string, resource: Resource): void {
    checkPath(path)
    this.#save({ ...this.#state, resources: { ...this.#state.resources, [path]: resource } })
  }

  /** Forgets what was set; what a file holds can't be removed here. */
  remove(kind: 'variable' | 'resource', path: string): void {
    const field = kind === 'variable' ? 'variables' : 'resources'
    if (!own<unknown>(this.#state[field], path)) {
      const where = this.#bundle.item(path, kind) ? 'lies in a file of the bundle; remove that' : 'not found'
      throw new ApiError(where === 'not found' ? 404 : 400, `${kind} ${path} ${where}`)
    }
    const { [path]: _gone, ...others } = this.#state[field]
    this.#save({ ...this.#state, [field]: others })
  }

  /** Whether a schedule runs; what was set here counts before its file. */
  isEnabled(path: string, byFile: boolean): boolean {
    return own(this.#state.schedules, path) ?? byFile
  }

  enableSchedule(path: string, enabled: boolean): void {
    this.#save({ ...this.#state, schedules: { ...this.#state.schedules, [path]: enabled } })
  }

  /** What references lead to for somebody who may read these paths. */
  reader(mayRead: (path: string) => boolean): Reader {
    const open = (path: string) => {
      if (!mayRead(path)) throw new ApiError(403, `you don't have access to ${path}`)
    }
    return {
      variable: (path) => {
        open(path)
        const variable = this.variable(path)
        if (!variable) throw new ApiError(404, `variable ${path} not found`)
        return variable.value
      },
      resource: (path) => {
        open(path)
        const resource = this.resource(path)
        if (!resource) throw new ApiError(404, `resource ${path} not found`)
        return resource.value
      },
    }
  }

  #save(state: State): void {
    writeAtomically(this.#file, `${JSON.stringify(state, null, 2)}\n`)
    this.#state = state
  }
}

function own<T>(record: Record<string, T>, path: string): T | undefined {
  return Object.hasOwn(record, path) ? record[path] : undefined
}

function checkPath(path: string): void {
  if (PATH.test(path)) return
  throw new ApiError(400, `path "${path}" is not accepted; expected f/<folder>/<name> or u/<user>/<name>`)
}

function readState(file: string): State {
  const empty: State = { variables: {}, resources: {}, schedules: {} }
  const text = readText(file)
  if (text === undefined) return empty
  try {
    return { ...empty, ...(JSON.parse(text) as Partial<State>) }
  } catch (error) {
    throw new Error(
      `${file} is not JSON; mend it, or move it away to lose the variables and resources set by scripts`,
      { cause: error },
    )
  }
}
