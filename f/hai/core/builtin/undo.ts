import type { Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import { shortId } from '../base/ids.ts'
import type { Said } from '../task/shape.ts'
import { undoTodos } from '../todo/journal.ts'
import type { TodosUndone } from '../todo/shape.ts'
import {
  type Asker,
  asked,
  type Intent,
  type Reply,
  refusedBy,
  unchanged,
  utterance,
  whole,
} from './grammar.ts'
import { changed, named } from './todo_lines.ts'

/** The line by which a built-in's answer says how to take back what it did. */
const LINE = /^undo: (hai (?:todo (?:drop|done|reopen)|task (?:retry|cancel)) [^\n]+)$/gm
/** The same, pasted as it stands. */
const PASTED = /^\s*undo:\s+(?=hai\s)/i

const IT = '(?<it>that|it|this)'
const LAST =
  '(?:the |my |that )?(?:last|latest|previous|most recent) (?:thing|change|one|action|step|edit|command|operation|update|move|todo change)'
const DID =
  '(?:what(?:ever)? (?:you|i|we) (?:have )?(?:just )?(?:did|done|changed)(?: there| just now| last)*)'
const BACK = '(?:back|back again)'
const PATTERNS = [
  `(?:undo|revert|unwind|roll ?back|reverse|scratch)(?: ${IT}(?: one| last one| change)?)?(?: again)?`,
  `(?:undo|revert|roll back|reverse|scratch|take back) (?:${LAST}|${DID}|(?:the|that|this|my) change)`,
  `(?:take|roll|turn|put|change) ${IT} ${BACK}(?: how it was| the way it was| to how it was)?`,
  `(?:take|roll|turn|put|change) (?:${LAST}|${DID}) ${BACK}`,
  `(?:that|it|this) was (?:wrong|a mistake|an accident|not what i (?:meant|wanted))[,.;]? (?:so )?(?:undo|revert|take) (?:${IT})(?: back)?`,
  `(?:i|that) did not mean (?:to do )?(?:that|it|to)[,.;]? (?:undo|revert|take) ${IT}(?: back)?`,
  `undo (?:the )?last`,
  `go back (?:one|a) (?:step|change)`,
].map(whole)

/**
 * What a message of a chat means: the line that an answer gave for it, where it is that line, or says "undo" in a chat in
 * which such an answer was given. "Undo that" is said of the last answer; undefined where that is a model's text.
 */
export function meant(content: string, turns: readonly Said[] = []): string | undefined {
  if (PASTED.test(content)) return content.replace(PASTED, '')
  const groups = undoIn(utterance(content))
  if (!groups) return content
  const answers = turns.filter(({ role }) => role === 'assistant').toReversed()
  const about = groups.it ? answers.slice(0, 1) : answers
  const lines = about.flatMap((answer) => [...answer.content.matchAll(LINE)].at(-1)?.[1] ?? [])
  return lines[0] ?? (answers.length > 0 ? undefined : content)
}

const undoIn = (said: string | undefined) => (said === undefined ? undefined : asked(PATTERNS, said))

export const undoIntent: Intent<object> = {
  name: 'take back the last change',
  examples: ['undo', 'take that back'],
  changes: true,

  match: (said) => (undoIn(said) ? {} : undefined),

  async run(sql, _slots, asker): Promise<Reply | undefined> {
    if (await followsModel(sql, asker)) return undefined
    try {
      return tellUndone(await undoTodos(sql, {}, asker.caller))
    } catch (error) {
      if (!(error instanceof HaiError) || error.code === 'unavailable') throw error
      const task = 'what was done to a task is taken back by hai task cancel ID or hai task retry ID'
      const text = error.code === 'not_found' ? `${error.message}; ${task}` : error.message
      return unchanged(`${text}; nothing was changed`, error.details ?? [], refusedBy(error))
    }
  },
}

/** Whether a model said the last word in this conversation: then it is that one's words that are to be undone. */
async function followsModel(sql: Sql, { task_id, caller }: Asker): Promise<boolean> {
  if (!task_id) return false
  const [before] = await sql<{ agent: string | null }[]>`
    select t.agent from hai.task_queue this join hai.task_queue t using (conversation_id)
    where this.id = ${task_id} and t.id <> this.id and t.requester = ${caller.name} and t.created_at <= this.created_at
    order by t.created_at desc, t.id desc limit 1`
  return before !== undefined && before.agent !== 'built-in'
}

const NOW = {
  added: 'had been added, and is dropped now',
  done: 'is open again',
  dropped: 'is open again',
  reopened: 'is closed again',
  edited: 'is as it was',
}
const AGAIN = { added: 'reopen', done: 'done', dropped: 'drop', reopened: 'reopen', edited: undefined }

function tellUndone(undone: TodosUndone): Reply {
  const lines = undone.undone.map(({ deed, fields, todo }) => {
    const what = deed === 'edited' && fields.length > 0 ? ` (${fields.join(', ')})` : ''
    return `taken back: ${named(todo)} ${NOW[deed]}${what}`
  })
  const [first] = undone.undone
  const verb = first && AGAIN[first.deed]
  const ids = undone.undone.map(({ todo }) => shortId(todo.id))
  const same = undone.undone.every(({ deed }) => deed === first?.deed)
  return {
    text: lines.join('\n'),
    ...(verb && same && { undo: `hai todo ${verb} ${ids.join(' ')}` }),
    ...(first && { todo: changed(first.todo) }),
    data: undone,
  }
}
