import type { Clock } from '../base/dates.ts'
import { type Recognised, recognise } from '../builtin/table.ts'
import { HEAD_START_SECONDS, laneOf } from './envelope.ts'
import { BUILT_IN } from './lease.ts'

interface Asked {
  content: string
  target_agent?: string | null | undefined
  context: readonly unknown[]
}

/** What a task asks of hai itself; undefined where only a model can tell, or its agent or attached text wants one. */
export function asksHai({ content, target_agent, context }: Asked, clock: Clock): Recognised | undefined {
  return target_agent || context.length > 0 ? undefined : recognise(content, clock)
}

/** Characters; what is longer is read by a worker, as a door that takes in a thousand is to answer soon. */
const READ_AT_ONCE = 500

/** Where a task waits at first: what hai answers itself never waits behind what asks a model. */
export const firstLane = (task: Asked & { source: string }, clock: Clock): string =>
  task.content.length <= READ_AT_ONCE && asksHai(task, clock) ? BUILT_IN : laneOf(task.source)

/** By how many seconds a person's task stands before a machine's in the lane where both wait. */
export const headStartIn = (lane: string, source: string): number =>
  lane === BUILT_IN && laneOf(source) === 'interactive' ? HEAD_START_SECONDS : 0
