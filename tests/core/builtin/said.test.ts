import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { recognise } from '../../../f/hai/core/builtin/table.ts'

/** What people say, written down by somebody who had not seen the grammar; as they wrote it. */
const FOLDER = new URL('said/', import.meta.url)
const lines = (file: string) => readFileSync(new URL(file, FOLDER), 'utf8').trim().split('\n')

/** By which intent hai answers what the lists call so. */
const INTENT: Record<string, string> = {
  todo_add: 'add a todo',
  note: 'add a todo',
  remind: 'add a todo',
  recurring: 'add a todo',
  todo_list: 'list todos',
  todo_count: 'count todos',
  due: 'what is due',
  todo_done: 'finish, drop or reopen a todo',
  todo_drop: 'finish, drop or reopen a todo',
  todo_reopen: 'finish, drop or reopen a todo',
  tasks_failed: 'what ran, failed, waits or runs',
  tasks_running: 'what ran, failed, waits or runs',
  tasks_finished: 'what ran, failed, waits or runs',
  tasks_retry: 'retry a task',
  tasks_cancel: 'cancel a task',
  undo: 'take back the last change',
  spent: 'what was spent',
  cost_of_last: 'what the last question cost',
}

/** What "catch" may mean depends on the hour: "today" is not over, "last night" is. */
const CLOCKS = ['2026-11-30T21:10:00Z', '2026-12-31T23:30:00Z', '2026-03-29T00:30:00Z'].map((now) => ({
  zone: 'Europe/Berlin',
  now: new Date(now),
}))

describe.each(CLOCKS)('at $now', (clock) => {
  it.each(readdirSync(FOLDER).filter((file) => file.startsWith('phrases')))(
    'catches 95 of 100 in %s, each by its intent',
    (file) => {
      const phrases = lines(file).map((line) => line.split('\t'))
      const missed = phrases.filter(([said, kind]) => recognise(said!, clock)?.intent.name !== INTENT[kind!])
      expect(missed.length / phrases.length, missed.join('\n')).toBeLessThanOrEqual(0.05)
    },
  )

  it('steals none of the questions that belong to a model', () => {
    const questions = lines('models.txt')
    expect(questions).toHaveLength(500)
    expect(questions.filter((said) => recognise(said, clock))).toEqual([])
  })
})
