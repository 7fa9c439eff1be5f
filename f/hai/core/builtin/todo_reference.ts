import type { Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import { normal } from '../base/normal.ts'
import { listTodos, nobody } from '../todo/list.ts'
import type { Todo, TodoStatus } from '../todo/shape.ts'
import { showTodo } from '../todo/todos.ts'
import { MARKER } from './vocabulary.ts'

/** How somebody names a todo: by (the end of) its id, by words of its body, or by one word that may be either. */
export interface TodoReference {
  id?: string
  words?: string
}

const SHORTEST_ID = 4
const SHOWN_ID = 6
const LONGEST_ID = 26
const POINTS_ELSEWHERE =
  /^(?:it|this|that|these|those|them|both|all|any|every\S*|each|some\S*|none|nothing|no|todos|the (?:first|second|third|last|rest|other)\S*)\b/i

/**
 * `text` as an id. A word with a digit somewhere inside is one ("ab12cd"), and so is a word in the capitals that ids
 * are shown in; "later", "node3" and "2026" are not.
 */
export function idReference(text: string, shortest = SHORTEST_ID): TodoReference | undefined {
  const isId = couldBeId(text) && text.length >= shortest && (mixed(text) || shownAsId(text))
  return isId ? { id: text } : undefined
}

/** `text` where nothing but a todo can stand: an id, words of a body, or one word that may be either. */
export function todoReference(text: string): TodoReference | undefined {
  if (/["“”]/.test(text)) return quotedReference(text)
  if (POINTS_ELSEWHERE.test(text) || /^\d{1,3}$/.test(text)) return undefined
  return couldBeId(text) ? { id: text, words: text } : { words: text }
}

/** One quoted passage and nothing else. */
export function quotedReference(text: string): TodoReference | undefined {
  const words = text.match(/^(?:"([^"]+)"|“([^”]+)”)$/)
  return words ? { words: (words[1] ?? words[2])! } : undefined
}

const CALLED = new RegExp(
  `^(?:(?:the|my|that|this|our)\\s+)?(?:(?:open\\s+)?${MARKER}\\s+(?:about|for|with|that says|called|named|to|saying|on|of)\\s+)?(?:(?:the|my)\\s+)?(.+?)(?:\\s+${MARKER})?$`,
  'iu',
)

/** The words of a todo that was called something in passing: `dishes` of "the dishes one", `printer` of "the todo about the printer". */
export function calledReference(text: string): TodoReference | undefined {
  const exact = idReference(text) ?? quotedReference(text)
  if (exact) return exact
  const words = text.match(CALLED)?.[1]
  return words ? todoReference(words) : undefined
}

function couldBeId(text: string): boolean {
  return /^[0-9a-tv-z]+$/i.test(text) && text.length >= SHORTEST_ID && text.length <= LONGEST_ID
}

const mixed = (text: string) => /\d/.test(text) && !/^[a-z]+\d+$/.test(text) && !/^\d{1,5}$/.test(text)
const shownAsId = (text: string) => text.length >= SHOWN_ID && /^[0-9A-HJKMNP-TV-Z]+$/.test(text)

/** The todos a reference may mean, among those of a status when it goes by words; an error when its id is no single one's. */
export async function resolveTodo(
  sql: Sql,
  { id, words }: TodoReference,
  among: readonly TodoStatus[],
  zone: string,
): Promise<Todo[] | HaiError> {
  if (id) {
    try {
      return [await showTodo(sql, id, { zone, sees: nobody })]
    } catch (error) {
      if (!(error instanceof HaiError) || error.code === 'unavailable') throw error
      if (!words || error.code !== 'not_found') return error
    }
  }
  return withWords(sql, words!, among, zone)
}

/** Words that say nothing of which todo is meant. */
const ARTICLES = /^(?:the|my|a|an|our)\s+/i

async function withWords(
  sql: Sql,
  words: string,
  among: readonly TodoStatus[],
  zone: string,
): Promise<Todo[]> {
  // who doesn't say the sign of `€20` may mean it; who says one means that one
  const key = bare(words) === withoutSymbols(words) ? withoutSymbols : bare
  const wanted = key(words.replace(ARTICLES, ''))
  if (wanted === '') return []
  const terms = wanted.split(' ')
  const lists = await Promise.all(among.map((status) => listTodos(sql, { status, zone, limit: 500, terms })))
  const todos = lists.flatMap((list) => list.todos)
  const exact = todos.filter(({ body }) => key(body) === key(words))
  if (exact.length > 0) return exact
  const together = todos.filter(({ body }) => ` ${key(body)} `.includes(` ${wanted} `))
  if (together.length > 0) return together
  // "the dishes one" of "wash all dishes": each word stands in it, as a word or as the beginning of one
  return todos.filter(({ body }) => terms.every((term) => ` ${key(body)}`.includes(` ${term}`)))
}

/** Words and symbols, as they are looked for: punctuation and spacing are not what a todo is known by. */
function bare(text: string): string {
  return normal(text)
    .replace(/[^\p{L}\p{M}\p{N}\p{S}]+|`/gu, ' ')
    .replace(/ {2,}/g, ' ')
    .trim()
}

const withoutSymbols = (text: string) => bare(bare(text).replace(/\p{S}+/gu, ' '))
