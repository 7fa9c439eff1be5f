import type { TaskEvent } from '../../f/hai/core/task/shape.ts'
import { stepFacts } from '../show/task.ts'
import { shortId } from '../show/words.ts'
import { modelName } from './progress.ts'

/** Who answered, and what that took: one line to read under an answer. What hai answers itself has none. */
export class Receipt {
  #done: TaskEvent | undefined
  #attempt = 1

  tell(event: TaskEvent): void {
    if (event.type === 'claimed') this.#attempt = Number(event.data.attempt) || this.#attempt
    if (event.type === 'step_done') this.#done = event
  }

  /** `qwen3:8b · 42 in, 8 out · 1.2 s · $0.0012 · @ FDPV4R`, of which what is known. */
  line(id: string): string | undefined {
    if (!this.#done) return undefined
    const { text, data } = this.#done
    const name = modelName(
      text.replace(/ \(\d+ ms\)$/, '').replace(/, after its worker had lost the task$/, ''),
    )
    const tries = this.#attempt > 1 ? [`attempt ${this.#attempt}`] : []
    return [name, ...stepFacts(data), ...tries, `@ ${shortId(id)}`].join(' · ')
  }
}
