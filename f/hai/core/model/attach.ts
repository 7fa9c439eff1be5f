import type { ClaimedTask } from '../base/contract.ts'
import { estimate } from './estimate.ts'
import { shorten } from './shorten.ts'

/** Less than that shows nothing of a text: then it is left out, so that the others have more. In tokens. */
const LEAST_SHARE = 96
/** So many are told of one by one. */
const MOST_NOTICES = 4
/** A name that is longer is cut where its text is. */
const LONGEST_NAME = 60

export interface Attached {
  text: string
  tokens: number
  notices: string[]
}

type Part = ClaimedTask['context'][number]

/**
 * Each part under its name. Parts share the room: what is shorter than its share stays whole, and leaves the rest of it to
 * the others; of what is longer the middle is left out; and those that would have too little to say anything are left out.
 */
export function attach(parts: Part[], room: number): Attached {
  const wholes = parts.map(whole)
  const costs = wholes.map((text) => estimate(text).most)
  const together = costs.reduce((sum, cost) => sum + cost, 0)
  if (together <= room) return { text: wholes.join(''), tokens: together, notices: [] }
  const shown = Math.min(parts.length, Math.max(0, Math.floor((room - LEAST_SHARE / 2) / LEAST_SHARE)))
  const missing = parts.slice(shown)
  const ending = missing.length > 0 && shown > 0 ? `[${absent(missing, parts)}]\n\n` : ''
  const share = fairShare(costs.slice(0, shown), room - estimate(ending).most)
  const notices: string[] = []
  const texts = parts.slice(0, shown).map((part, at) => {
    if (costs[at]! <= share) return wholes[at]!
    const { text, notice } = shortened(part, share)
    notices.push(notice)
    return text
  })
  if (missing.length > 0)
    notices.push(`${absent(missing, parts)}, as the model's window has no room for more`)
  const text = texts.join('') + ending
  return { text, tokens: estimate(text).most, notices: few(notices) }
}

const tagged = (name: string, text: string) =>
  `<attached name=${JSON.stringify(name)}>\n${text}\n</attached>\n\n`
const whole = ({ name, text }: Part) => tagged(name, text)

function shortened({ name, text }: Part, share: number): { text: string; notice: string } {
  const called = [...name].length > LONGEST_NAME ? `${[...name].slice(0, LONGEST_NAME - 1).join('')}…` : name
  const room = Math.floor(share) - estimate(tagged(called, '')).most - 2
  const short = shorten(text, room)
  if (!short) return { text: '', notice: `${called} does not fit the model's window and was left out` }
  const notice = `${called}: ${short.left} in the middle do not fit the model's window and were left out`
  return { text: tagged(called, short.text), notice }
}

function absent(missing: Part[], parts: Part[]): string {
  return missing.length === parts.length
    ? `${parts.length === 1 ? parts[0]!.name : `all ${parts.length} attached texts`} ${parts.length === 1 ? 'was' : 'were'} left out`
    : `the last ${missing.length} of ${parts.length} attached texts were left out`
}

/** The share of each that is cut, when those that need less than it take what they need. */
function fairShare(costs: number[], room: number): number {
  let left = room
  const rising = [...costs].sort((a, b) => a - b)
  for (const [at, cost] of rising.entries()) {
    const share = left / (rising.length - at)
    if (cost > share) return share
    left -= cost
  }
  return Number.POSITIVE_INFINITY
}

function few(notices: string[]): string[] {
  if (notices.length <= MOST_NOTICES) return notices
  const rest = notices.length - MOST_NOTICES + 1
  return [
    ...notices.slice(0, MOST_NOTICES - 1),
    `${rest} more attached texts were cut or left out in the same way`,
  ]
}
