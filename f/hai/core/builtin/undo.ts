import type { Said } from '../task/shape.ts'
import { plain, utterance } from './grammar.ts'

/** The line by which a built-in's answer says how to take back what it did. */
const LINE = /^undo: (hai todo (?:drop|done|reopen) \S+)$/gm
/** The same, pasted as it stands. */
const PASTED = /^\s*undo:\s+(?=hai\s)/i
const UNDO = /^undo(?<it> (?:that|it|this))?$/

/**
 * What a message means: the line that an answer gave for it, where it is that line, or just "undo" in a chat in which such
 * an answer was given. "Undo that" is said of the last answer, which may be a model's text.
 */
export function meant(content: string, turns: readonly Said[] = []): string {
  if (PASTED.test(content)) return content.replace(PASTED, '')
  const said = utterance(content)
  const { groups } = (said && plain(said).match(UNDO)) || {}
  if (!groups) return content
  const answers = turns.filter(({ role }) => role === 'assistant').toReversed()
  const asked = groups.it ? answers.slice(0, 1) : answers
  const lines = asked.flatMap((answer) => [...answer.content.matchAll(LINE)].at(-1)?.[1] ?? [])
  return lines[0] ?? content
}
