import type { FlowValue } from './value.ts'

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
