import type { Turn } from '../task/conversation.ts'
import { estimate } from './estimate.ts'
import { shorten } from './shorten.ts'

/** What a server adds to the two messages of a turn, in tokens. */
const OWN_TOKENS = 16

export interface Earlier {
  turns: Turn[]
  /** What was left out, in sentences for the person. */
  notices: string[]
}

/**
 * The newest turns that fit `room`, in tokens. A server reads only what is new of a prompt whose beginning it knows, so
 * that the beginning must not move at each turn: once turns fill `most`, the oldest go until half of it is free again.
 * Where they begin follows from the turns alone, and stays until they are too many again; a question with no room for
 * them has fewer for once. The last turn is always there, and shortened where it must be. `scale` is how much of its estimate
 * a turn takes.
 */
export function earlier(turns: Turn[], room: number, most: number, scale: number): Earlier {
  const costs = turns.map((turn) => costOf(turn) * scale)
  const full = Math.min(room, most)
  let { from, size } = walked(costs, most)
  if (size > room) ({ from, size } = dropped(costs, from, size, full / 2))
  const kept = turns.slice(from)
  const last = kept.at(-1)
  const notices: string[] = []
  if (last && size > room) {
    const short = shortened(last, room / scale - OWN_TOKENS)
    if (short) notices.push("the turn before this one is too long for the model's window and was shortened")
    kept.splice(0, kept.length, ...(short ? [short] : []))
  }
  const total = turns.at(-1)?.no ?? turns.length
  const left = total - kept.length
  if (left > 0)
    notices.push(`${left} of ${total} earlier turns are too old for the model's window and were left out`)
  return { turns: kept, notices }
}

const costOf = ({ content, output }: Turn) => estimate(content).most + estimate(output).most + OWN_TOKENS

/** Where the turns begin after each of them has come, and how many tokens they have. */
function walked(costs: number[], most: number): { from: number; size: number } {
  let from = 0
  let size = 0
  for (const [at, cost] of costs.entries()) {
    size += cost
    if (size > most) ({ from, size } = dropped(costs.slice(0, at + 1), from, size, most / 2))
  }
  return { from, size }
}

/** The same without the oldest, until they have at most `goal` or one is left. */
function dropped(costs: number[], from: number, size: number, goal: number): { from: number; size: number } {
  let start = from
  let left = size
  while (left > goal && start < costs.length - 1) left -= costs[start++]!
  return { from: start, size: left }
}

/** Both its sides cut to what there is room for; undefined when that is nothing. */
function shortened({ content, output, ...turn }: Turn, room: number): Turn | undefined {
  const asked = estimate(content).most
  const said = estimate(output).most
  const half = room / 2
  const forAsked = said < half ? room - said : Math.min(asked, half)
  const forSaid = room - Math.min(asked, forAsked)
  const short = (text: string, cost: number, tokens: number) =>
    cost <= tokens ? text : shorten(text, tokens)?.text
  const shortContent = short(content, asked, forAsked)
  const shortOutput = short(output, said, forSaid)
  if (shortContent === undefined || shortOutput === undefined) return undefined
  return { ...turn, content: shortContent, output: shortOutput }
}
