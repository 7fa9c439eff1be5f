import { listTodos } from '../todo/list.ts'
import type { Intent } from './intent.ts'
import { named, particulars } from './todo_lines.ts'
import { plain, whole } from './utterance.ts'

const PATTERNS = [
  "(?:what's|what is|whats)(?: up)? next(?: on (?:my|the) (?:todo|to-do) list)?",
  "(?:(?:what's|what is|whats) )?(?:my |the )?next (?:todo|to-do)",
  'what (?:should|shall|can|could|do) i (?:do|work on|tackle) next',
  'what should i (?:do|work on) now',
].map(whole)

export const nextTodoIntent: Intent<object> = {
  name: 'what is next',
  examples: ["what's next?", 'what should I do next?'],

  match(said) {
    const text = plain(said)
    return PATTERNS.some((pattern) => pattern.test(text)) ? {} : undefined
  },

  async run(sql, _slots, asker) {
    const { todos } = await listTodos(sql, { next: true, limit: 1, zone: asker.zone })
    const [todo] = todos
    if (todo) return { text: `next: ${named(todo)}${particulars(todo, asker)}`, data: todo }
    const { total: waiting } = await listTodos(sql, { limit: 1, zone: asker.zone })
    const text =
      waiting > 0 ? 'nothing can be done next: every open todo waits for another' : 'nothing is open'
    return { text, data: null }
  },
}
