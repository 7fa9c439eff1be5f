import type { TaskEvent, WaitingOn } from '../../f/hai/core/task/shape.ts'
import type { Doing } from '../show/sign-of-life.ts'
import { waitingText } from '../show/task.ts'

/** The model of a route: what an operator calls it. A subscription's default one has no name of its own. */
export function modelName(route: string): string {
  const [backend = '', ...model] = route.split('/')
  const name = model.join('/')
  return name === '' || name === 'default' ? backend : name
}

/** Thousands of tokens as people say them: `940`, `4k`, `128k`. */
const thousands = (count: number): string => (count < 1000 ? String(count) : `${Math.round(count / 1000)}k`)

/** What a task waits for that goes on by itself, and who asked need not know when it has gone on. */
const PASSING: WaitingOn['code'][] = [
  'lane_full',
  'behind',
  'retry',
  'loading',
  'scheduled',
  'starting',
  'conversation',
]

/** Whether it is to be read even if it passes: something is wrong, or can be done about it. */
export const isTrouble = ({ code, next_step }: WaitingOn): boolean =>
  next_step !== undefined || !PASSING.includes(code)

/** What a task is doing, in words for who waits for it, from what is told of it. */
export class Progress {
  /** Where the task was sent, and why there. */
  #route = ''
  #model = ''
  #since = Date.now()

  /** What is done from now on; undefined where this event changes nothing. */
  tell({ type, text, data }: TaskEvent): Doing | undefined {
    switch (type) {
      case 'accepted':
        return this.#begins('waiting for a worker')
      case 'claimed':
        return this.#begins('starting')
      case 'route': {
        if (typeof data.reads === 'number') {
          const tokens = `${thousands(data.reads)} tokens`
          return this.#begins(`reading ${tokens}`, `${this.#model} reads about ${tokens}`)
        }
        this.#route = text
        return this.#begins(text.includes('waits for') ? 'waiting for a slot' : 'starting', text)
      }
      case 'step':
        this.#model = modelName(text)
        return this.#begins(`waiting for ${this.#model}`, this.#route || text)
      case 'loading':
        return this.#begins(text.replace(/ into memory$/, ''), text)
      case 'step_done':
        return this.#begins('finishing')
      case 'retry':
      case 'released':
      case 'rescued':
        return this.#begins('waiting to be tried again', text)
      default:
        return undefined
    }
  }

  /** Text comes. */
  writes(): Doing {
    return this.#begins('writing')
  }

  /** What the task says that it waits for. */
  waits(waiting: WaitingOn): Doing {
    const line = waitingText(waiting)
    if (waiting.code === 'lane_full' || waiting.code === 'behind') {
      const place = /position (\d+)/.exec(waiting.text)?.[1] ?? '1'
      const label = place === '1' ? 'waiting for a slot' : `waiting for a slot, place ${place}`
      return { label, line, since: this.#since }
    }
    if (waiting.code === 'loading')
      return { label: waiting.text.replace(/ for \d.*$/, ''), line, since: this.#since }
    // it has times of its own
    return { label: waiting.text, line }
  }

  #begins(label: string, line = label): Doing {
    this.#since = Date.now()
    return { label, line, since: this.#since }
  }
}
