import type { Clock } from '../base/dates.ts'
import { type Asked, type FirstLane, laneOf } from '../task/envelope.ts'
import { BUILT_IN } from '../task/lease.ts'
import { type Recognised, recognise } from './table.ts'

/** What a task asks of hai itself; undefined where only a model can tell, or its agent or attached text wants one. */
export function asksHai(
  { content, target_agent, context }: Omit<Asked, 'source'>,
  clock: Clock,
): Recognised | undefined {
  return target_agent || context.length > 0 ? undefined : recognise(content, clock)
}

/** Characters; what is longer is read by a worker, as a door that takes in a thousand is to answer soon. */
const READ_AT_ONCE = 500

/** Where a task waits at first: what hai answers itself never waits behind what asks a model. */
export const firstLane: FirstLane = (task, clock) =>
  task.content.length <= READ_AT_ONCE && asksHai(task, clock) ? BUILT_IN : laneOf(task.source)
