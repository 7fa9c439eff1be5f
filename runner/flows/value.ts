import { ApiError } from '../api-error.ts'

/** Where an argument of a step comes from. */
export type InputTransform = { type: 'static'; value?: unknown } | { type: 'javascript'; expr: string }

export interface Retry {
  constant?: { attempts: number; seconds: number }
  exponential?: { attempts: number; multiplier: number; seconds: number; random_factor?: number }
  retry_if?: { expr: string }
}

interface StopCondition {
  expr: string
  skip_if_stopped?: boolean
  error_message?: string
}

type StepValue = { input_transforms?: Record<string, InputTransform> } & (
  | { type: 'script'; path: string; tag_override?: string }
  /** With a path it stands for the script that lies there. */
  | { type: 'rawscript'; content: string; language: string; tag?: string; path?: string }
  | { type: 'flow'; path: string }
)

/** One step of a flow. */
export interface FlowModule {
  id: string
  summary?: string
  value: StepValue
  stop_after_if?: StopCondition
  retry?: Retry
  continue_on_error?: boolean
  /** Seconds. */
  timeout?: number
}

/** What a flow consists of: steps one after another. */
export interface FlowValue {
  modules: FlowModule[]
  failure_module?: FlowModule
  flow_env?: Record<string, unknown>
}

const STEP_TYPES = ['script', 'rawscript', 'flow']
/** Fields that are obeyed, or change nothing on one machine. */
const FLOW_FIELDS = ['modules', 'failure_module', 'flow_env', 'same_worker', 'priority', 'notes', 'groups']
const MODULE_FIELDS = [
  'id',
  'summary',
  'value',
  'stop_after_if',
  'retry',
  'continue_on_error',
  'timeout',
  'priority',
  'delete_after_use',
  'delete_after_secs',
]

/** Reads what `wmill` or a file gives; 400 when it is no flow, 501 by name for what is not implemented here. */
export function readFlow(value: unknown, path: string): FlowValue {
  const flow = value as FlowValue | null
  if (typeof flow !== 'object' || !Array.isArray(flow?.modules)) {
    throw new ApiError(400, `the flow ${path} has no modules: expected value.modules, a list of steps`)
  }
  refuseOthers(flow, FLOW_FIELDS, `flow ${path}`)
  for (const module of [...flow.modules, ...(flow.failure_module ? [flow.failure_module] : [])]) {
    readModule(module, path)
  }
  return flow
}

function readModule(module: FlowModule, path: string): void {
  const { id, value, timeout } = module
  const step = `step ${id} of flow ${path}`
  if (typeof id !== 'string') throw new ApiError(400, `a step of flow ${path} has no id`)
  refuseOthers(module, MODULE_FIELDS, step)
  if (!STEP_TYPES.includes(value?.type)) throw notImplemented(`the type ${value?.type} of ${step}`)
  if (value.type === 'rawscript' && value.language !== 'bun') {
    throw notImplemented(`the language ${value.language} of ${step}`)
  }
  if (timeout !== undefined && typeof timeout !== 'number')
    throw notImplemented(`the computed timeout of ${step}`)
  for (const [name, transform] of Object.entries(value.input_transforms ?? {})) {
    const { type } = transform
    if (type !== 'static' && type !== 'javascript') {
      throw notImplemented(`the ${type} transform of ${name} in ${step}`)
    }
  }
}

function refuseOthers(fields: object, accepted: string[], where: string): void {
  const unknown = Object.entries(fields).find(
    ([field, value]) => !accepted.includes(field) && value !== undefined && value !== null && value !== false,
  )
  if (unknown) throw notImplemented(`${unknown[0]} of ${where}`)
}

function notImplemented(what: string): ApiError {
  return new ApiError(501, `not implemented by the local runner: ${what}`)
}

interface ModuleStatus {
  id: string
  type: 'WaitingForPriorSteps' | 'InProgress' | 'Success' | 'Failure'
  job?: string
  skipped?: boolean
  /** Earlier tries of the step. */
  failed_retries?: string[]
}

/** How far a flow is, in Windmill's shape. */
export interface FlowStatus {
  step: number
  modules: ModuleStatus[]
  failure_module: Omit<ModuleStatus, 'id'> & { id?: string; parent_module?: string }
  retry: { fail_count: number; failed_jobs: string[] }
}

export function newStatus({ modules }: FlowValue): FlowStatus {
  return {
    step: 0,
    modules: modules.map(({ id }) => ({ id, type: 'WaitingForPriorSteps' })),
    failure_module: { type: 'WaitingForPriorSteps' },
    retry: { fail_count: 0, failed_jobs: [] },
  }
}
