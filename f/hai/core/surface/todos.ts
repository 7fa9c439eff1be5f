import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import { TODO_STATUSES, type Todo, type TodoList } from '../base/contract.ts'
import type { Sql } from '../base/db.ts'
import { parse } from '../base/errors.ts'
import { Tag } from '../base/normal.ts'
import { listTodos } from '../todo/list.ts'
import { addTodo, updateTodo } from '../todo/todos.ts'
import { Cursor, count, noText, objectOf } from './request.ts'
import { created, type Shaped } from './response.ts'

const WRITTEN = ['body', 'tags', 'priority', 'due', 'depends_on', 'metadata']

/** 201 with the todo. Who adds it is whoever calls, whatever the body says. */
export async function createTodo(sql: Sql, body: unknown, { name, zone }: Caller): Promise<Shaped<Todo>> {
  const given = objectOf(body, [...WRITTEN, 'parse', 'idempotency_key'])
  return created(await addTodo(sql, { ...(given as { body: string }), created_by: name, zone }))
}

/** Changes what the body names and nothing else. */
export async function changeTodo(sql: Sql, id: string, body: unknown, caller: Caller): Promise<Todo> {
  return updateTodo(sql, { ...objectOf(body, [...WRITTEN, 'status']), id }, caller)
}

/** Deleting one drops it: no row vanishes. */
export async function dropTodo(sql: Sql, id: string, caller: Caller): Promise<Todo> {
  return updateTodo(sql, { id, status: 'dropped' }, caller)
}

export const TodoQuery = z.strictObject({
  status: z.enum([...TODO_STATUSES, 'all']).optional(),
  tag: Tag.optional(),
  limit: count,
  cursor: Cursor.optional(),
  text: noText('f/hai/todo/list'),
})

/** Open todos by due date, or those of a status newest first. */
export async function todosOf(sql: Sql, query: unknown, { zone, sees }: Caller): Promise<TodoList> {
  const { text: _, ...by } = parse(TodoQuery, query)
  return listTodos(sql, { ...by, zone }, sees)
}
