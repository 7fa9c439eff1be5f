import type { Clock } from '../base/dates.ts'
import { type Asked, type FirstLane, laneOf } from '../task/envelope.ts'
import { BUILT_IN } from '../task/lease.ts'
import { type Recognised, recognise } from './table.ts'
import { meant } from './undo.ts'

/**
 * What a task asks of hai itself; undefined where only a model can tell, or its agent or attached text wants one. Of a chat
 * the question alone counts, whatever instructions and history came with it; but "undo" is said of an answer before it.
 */
export function asksHai(task: Omit<Asked, 'source'>, clock: Clock): Recognised | undefined {
  if (wantsModel(task)) return undefined
  const said = meant(task.content, task.chat?.turns)
  return said === undefined ? undefined : recognise(said, clock)
}

/** A chat's own errand, an answer to be gone on with, and one in a form that only a model can be held to, are a model's. */
function wantsModel({ target_agent, model, context, chat, errand }: Omit<Asked, 'source'>): boolean {
  if (target_agent || model || context.length > 0 || errand) return true
  return chat
    ? chat.errand === true || chat.begun !== undefined || chat.answer.response_format !== undefined
    : false
}

/** Characters; what is longer is read by a worker, as a door that takes in a thousand is to answer soon. */
const READ_AT_ONCE = 500

/** Where a task waits at first: what hai answers itself never waits behind what asks a model. */
export const firstLane: FirstLane = (task, clock) =>
  task.content.length <= READ_AT_ONCE && asksHai(task, clock) ? BUILT_IN : laneOf(task.source)
