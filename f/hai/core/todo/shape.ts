import type { Total } from '../base/contract.ts'
import type { Priority, State, TaskError } from '../task/shape.ts'

export const TODO_STATUSES = ['open', 'done', 'dropped'] as const
export type TodoStatus = (typeof TODO_STATUSES)[number]

/** `due` is a day (`2026-11-27`) or, when a time was said, an RFC 3339 instant. */
export interface Todo {
  id: string
  body: string
  status: TodoStatus
  tags: string[]
  priority: Priority
  due: string | null
  overdue: boolean
  /** By what rule there is a next one when it is done, such as `every monday`; null of one that does not recur. */
  recur: string | null
  /** The one that was done before it, where it recurs. */
  follows: string | null
  depends_on: string[]
  /** Those of `depends_on` that are still open. */
  blocked_by: string[]
  metadata: Record<string, unknown>
  created_by: string
  task_id: string | null
  /** The answer of its task, for those who may see that. */
  result: string | null
  created_at: string
  updated_at: string
  closed_at: string | null
  closed_by: string | null
  /** Who changed or closed it last, and when; null when nobody has since it was put down. */
  changed_by: string | null
  changed_at: string | null
}

/** What in a text looks as if it said when, or how urgent, and was left where it stands. */
export interface Unread {
  text: string
  why: string
  /** What `hai todo edit ID` takes for it. */
  option?: string
  /** The two days or times that a date may mean, the day first and the month first. */
  either?: [string, string]
  /** The body without it, where it is a date that somebody may yet choose. */
  without?: string
}

/** What was read in the text of a todo beside what is to be done. */
export interface TodoRead {
  /** `due Fri 4 Dec 17:00 · #rack · high`; empty when there is nothing. */
  text: string
  /** IANA zone in which it was read. */
  time_zone: string
  unread: Unread[]
  /** What was left unread, a sentence each, with the command that mends it. */
  notes: string[]
}

/** A todo that was just put down; `read` where its text was read. */
export interface TodoAdded extends Todo {
  read?: TodoRead
}

/** One todo, and how the task that was to do it stands, where one was started. */
export interface TodoView extends Todo {
  task?: { state: State; error: TaskError | null }
}

export interface TodoList extends Total {
  todos: Todo[]
  next_cursor?: string
  /** That the setting by whose zone days are told is not in force, for whoever may mend it. */
  problems?: string[]
}

/** What of the todos matters now. */
export interface TodosNow {
  todos: {
    /** All that is open: the sum of the four counts that follow. */
    open: number
    overdue: number
    due_today: number
    due_later: number
    undated: number
    /** What can be done now, the most pressing first. */
    next: Todo[]
  }
}

/** A todo after a change. */
export interface TodoChanged extends Todo {
  /** The next one, of one that recurs and was done: put down with it. */
  next?: Todo
}

/** What was done to a todo, as far as it can be taken back. */
export type TodoDeed = 'added' | 'done' | 'dropped' | 'reopened' | 'edited'

/** What `todo/undo` took back: one change, or all that were made as one. */
export interface TodosUndone {
  /** When the last of them was made. */
  made_at: string
  undone: {
    /** What had been done. */
    deed: TodoDeed
    /** What of an edited one was given back, such as `due`. */
    fields: string[]
    /** The todo as it is now; one that had been added is dropped. */
    todo: Todo
  }[]
}
