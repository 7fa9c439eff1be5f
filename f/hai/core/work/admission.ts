import type { Sql } from '../base/db.ts'
import type { Access } from '../model/access.ts'
import type { HeldTask } from '../model/held_task.ts'
import { withLoading } from '../model/ollama.ts'
import { type Endpoint, endpointOf, type Known, pauseIn, rememberOllama } from '../task/backend.ts'
import { admit } from '../task/lane.ts'
import type { ClaimedTask } from '../task/shape.ts'

/** Between one task and the backends that it asks: when it may, and what others learn of how they answered. */
export class TaskAdmission {
  /** The task's handle; what it tells of a backend is told of where that was asked. */
  readonly handle: HeldTask
  #sql: Sql
  #task: ClaimedTask
  #lane: string
  #asked = new Map<string, { endpoint: Endpoint; known: Known | undefined }>()
  /** Who answered just now, and not in an earlier attempt. */
  #answered: Endpoint | null = null

  constructor(sql: Sql, task: ClaimedTask, handle: HeldTask) {
    this.#sql = sql
    this.#task = task
    this.#lane = task.lane
    this.handle = {
      ...handle,
      finishStep: async (step, call, spent) => {
        const finished = await handle.finishStep(step, call, spent)
        this.#answered = this.#asked.get(call.backend)?.endpoint ?? null
        return finished
      },
      complete: (done) => handle.complete({ ...done, endpoint: this.#answered }),
      fail: (failure) => {
        const asked = this.#asked.get(failure.backend ?? '')
        return handle.fail(asked ? { ...failure, endpoint: asked.endpoint } : failure)
      },
    }
  }

  /** Whether the task may ask now. If not, it went back: until the model is free, or may be asked again. */
  async mayAsk(access: Access): Promise<boolean> {
    const endpoint = endpointOf(access)
    const at = { ...this.#task, lane: this.#lane }
    const { lane, known, queued } = await admit(this.#sql, at, access.choice, endpoint)
    if (queued) return false
    this.#lane = lane
    this.#asked.set(access.choice.name, { endpoint, known })
    const pause = pauseIn(known, endpoint)
    if (pause) await this.handle.fail(pause)
    return pause === undefined
  }

  /** The same access, with what it takes to load the model. */
  async ready(access: Access): Promise<Access> {
    const asked = this.#asked.get(access.choice.name)
    const choice = await withLoading(access.choice, asked?.known?.ollama, async (ollama) => {
      if (asked) await rememberOllama(this.#sql, asked.endpoint, ollama)
    })
    return { ...access, choice }
  }
}
