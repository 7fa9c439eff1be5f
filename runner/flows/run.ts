import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError } from '../api-error.ts'
import type { Executor, RunRequest } from '../executor.ts'
import { mayRead } from '../identity.ts'
import type { Catalog } from '../items/catalog.ts'
import type { Items } from '../items/items.ts'
import { resolveResource } from '../items/references.ts'
import type { Job, Jobs } from '../jobs.ts'
import { ExpressionError, evaluate, type Scope } from './expressions.ts'
import type { FlowModule, FlowStatus, FlowValue, InputTransform, Retry } from './value.ts'

/** What a flow needs to run its steps. */
export interface FlowMeans {
  catalog: Catalog
  executor: Executor
  items: Items
  jobs: Jobs
  /** Starts an inner flow. */
  submitFlow: (request: RunRequest) => Promise<Job>
}

interface Outcome {
  success: boolean
  result: unknown
}

type Place = FlowStatus['modules'][number] | FlowStatus['failure_module']

/** One run of a flow: its steps one after another, each a job of its own. */
export class FlowRun {
  #means: FlowMeans
  #job: Job
  #flow: FlowValue
  #status: FlowStatus
  #results: Record<string, unknown> = {}
  #previous: unknown
  #canceled = new AbortController()
  /** The job of the step that runs. */
  current: Job | undefined

  constructor(means: FlowMeans, options: { job: Job; flow: FlowValue; status: FlowStatus }) {
    this.#means = means
    this.#job = options.job
    this.#flow = options.flow
    this.#status = options.status
    this.#previous = options.job.args
  }

  /** Ends a wait for the next try. */
  cancel(): void {
    this.#canceled.abort()
  }

  /** What the flow comes to. Never rejects but for a bug. */
  async run(): Promise<Outcome> {
    for (const [index, module] of this.#flow.modules.entries()) {
      this.#status.step = index
      const outcome = await this.#step(module, this.#status.modules[index]!)
      if (this.#job.canceled) return outcome
      if (!outcome.success && !module.continue_on_error) return this.#fail(module, outcome)
      this.#results[module.id] = outcome.result
      this.#previous = outcome.result
      const stopped = await this.#stops(module, outcome)
      if (stopped) return stopped
    }
    this.#status.step = this.#flow.modules.length
    return { success: true, result: this.#previous }
  }

  async #stops(
    { stop_after_if: condition, id }: FlowModule,
    { result }: Outcome,
  ): Promise<Outcome | undefined> {
    if (!condition) return undefined
    try {
      const [stop] = await evaluate([condition.expr], this.#scope({ result }))
      if (!stop) return undefined
    } catch (error) {
      return failed(error, id)
    }
    if (condition.error_message) {
      return failed(Object.assign(new Error(condition.error_message), { name: 'StopAfterIfError' }), id)
    }
    this.#job.skipped = condition.skip_if_stopped === true
    return { success: true, result }
  }

  /** The flow has failed, unless its failure module says that it recovered. */
  async #fail(module: FlowModule, outcome: Outcome): Promise<Outcome> {
    const handler = this.#flow.failure_module
    if (!handler) return outcome
    this.#previous = outcome.result
    const place = this.#status.failure_module
    place.parent_module = module.id
    const handled = await this.#step(handler, place)
    const recovered = handled.success && (handled.result as { recover?: unknown } | null)?.recover === true
    return { success: recovered, result: handled.result }
  }

  async #step(module: FlowModule, place: Place): Promise<Outcome> {
    const failedJobs: string[] = []
    for (;;) {
      const outcome = await this.#attempt(module, place)
      if (outcome.success || this.#job.canceled) return this.#settled(place, outcome)
      if (place.job) failedJobs.push(place.job)
      const delay = await this.#nextTry(module, { failures: failedJobs.length, result: outcome.result })
      if (delay === undefined) {
        if (failedJobs.length > 1) place.failed_retries = failedJobs.slice(0, -1)
        return this.#settled(place, outcome)
      }
      this.#status.retry = { fail_count: failedJobs.length, failed_jobs: failedJobs }
      await sleep(delay, undefined, { signal: this.#canceled.signal }).catch(() => undefined)
      if (this.#job.canceled) return outcome
    }
  }

  async #nextTry(
    { retry }: FlowModule,
    { failures, result }: { failures: number; result: unknown },
  ): Promise<number | undefined> {
    const delay = retryDelay(retry, failures)
    if (delay === undefined || !retry?.retry_if) return delay
    const { error } = result as { error?: unknown }
    const [wanted] = await evaluate([retry.retry_if.expr], this.#scope({ result, error })).catch(() => [
      false,
    ])
    return wanted ? delay : undefined
  }

  async #attempt(module: FlowModule, place: Place): Promise<Outcome> {
    place.type = 'InProgress'
    let job: Job
    try {
      job = await this.#start(module)
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof ExpressionError)) throw error
      return failed(error, module.id)
    }
    this.current = job
    place.job = job.id
    this.#means.jobs.announce(this.#job)
    await job.done
    this.current = undefined
    return { success: job.success === true, result: JSON.parse(job.result ?? 'null') }
  }

  async #start({ id, value, timeout }: FlowModule): Promise<Job> {
    const { executor, catalog, submitFlow } = this.#means
    const { identity, owner, rootJob, schedulePath, flowStep, path } = this.#job
    const args = await this.#arguments(value.input_transforms ?? {})
    const request: RunRequest = {
      path: value.path ?? `${path}/${id}`,
      args,
      identity,
      owner,
      parentJob: this.#job.id,
      rootJob,
      schedulePath,
      flowStep: {
        flowJob: this.#job.id,
        rootFlowJob: flowStep?.rootFlowJob ?? this.#job.id,
        flowPath: path,
        id,
      },
    }
    if (this.#job.canceled) throw new ApiError(400, 'the flow was cancelled')
    if (value.type === 'flow') return submitFlow({ ...request, kind: 'flow' })
    if (value.type === 'script') {
      const script = await catalog.script(value.path)
      if (!script) throw new ApiError(404, `script ${value.path} not found`)
      return executor.run(
        { ...script, timeout: timeout ?? script.timeout },
        { ...request, tag: value.tag_override },
      )
    }
    // Its imports are found as if it were a file in the flow's folder.
    const lies = value.path ?? `${path}__flow/${id}`
    const script = await catalog.inline({ path: lies, content: value.content, timeout })
    return executor.run(script, { ...request, kind: 'flowscript', tag: value.tag })
  }

  async #arguments(transforms: Record<string, InputTransform>): Promise<Record<string, unknown>> {
    const entries = Object.entries(transforms)
    const computed = entries.flatMap(([name, transform]) =>
      transform.type === 'javascript' ? [{ name, expr: transform.expr }] : [],
    )
    const { error } = (this.#previous ?? {}) as { error?: unknown }
    const values = await evaluate(
      computed.map(({ expr }) => expr),
      this.#scope({ error }),
    )
    const fixed = entries.map(([name, transform]) => [
      name,
      transform.type === 'static' ? transform.value : null,
    ])
    return {
      ...Object.fromEntries(fixed),
      ...Object.fromEntries(computed.map(({ name }, i) => [name, values[i]])),
    }
  }

  #scope(more: Record<string, unknown>): Scope {
    const { items } = this.#means
    const { args, runsAs } = this.#job
    const reader = items.reader((path) => mayRead(runsAs, path))
    const values = {
      flow_input: args,
      results: this.#results,
      previous_result: this.#previous,
      flow_env: this.#flow.flow_env ?? {},
    }
    const resource = (path: string) => resolveResource(reader.resource(path), reader)
    return { values: { ...values, ...more }, variable: reader.variable, resource }
  }

  #settled(place: Place, outcome: Outcome): Outcome {
    place.type = outcome.success ? 'Success' : 'Failure'
    this.#means.jobs.announce(this.#job)
    return outcome
  }
}

function failed(error: unknown, stepId: string): Outcome {
  const { name, message } = error as Error
  return { success: false, result: { error: { name, message, step_id: stepId } } }
}

/** Milliseconds until the next try after so many failed ones; undefined when there is none. As Windmill counts them. */
function retryDelay(retry: Retry | undefined, failures: number): number | undefined {
  const { constant, exponential } = retry ?? {}
  const before = failures - 1
  const constants = constant?.attempts ?? 0
  if (constant && before < constants) return constant.seconds * 1000
  if (!exponential || before - constants >= exponential.attempts) return undefined
  const { multiplier, seconds, random_factor: spread = 0 } = exponential
  const delay = multiplier * seconds ** failures * 1000
  return Math.max(0, delay * (1 + (Math.random() * 2 - 1) * (spread / 100)))
}
