import type { Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import { shortId } from '../base/ids.ts'

/** Any fixed number: it makes two changes of dependencies wait for each other. */
const DEPENDENCY_LOCK = 4_747_001

/** `invalid`, naming the circle, when `id` would come to wait for itself. Holds until the transaction ends. */
export async function refuseCycle(tx: Sql, id: string, dependsOn: string[]): Promise<void> {
  await tx`select pg_advisory_xact_lock(${DEPENDENCY_LOCK})`
  // each todo once: between two there may be more ways than could ever be walked
  const reached = await tx<{ id: string; depends_on: string[] }[]>`
    with recursive reached (id) as (
      select unnest(${dependsOn}::text[])
      union
      select unnest(todo.depends_on) from reached join hai.todo on todo.id = reached.id
    )
    select todo.id, todo.depends_on from reached join hai.todo on todo.id = reached.id`
  const way = shortestWay(dependsOn, id, new Map(reached.map((todo) => [todo.id, todo.depends_on])))
  if (!way) return
  const path = [id, ...way].map(shortId).join(' → ')
  throw new HaiError('invalid', `depends_on: ${path} is a circle; a todo can't wait for itself`)
}

/** From any of `starts` to `goal`, both included; undefined when no way leads there. */
function shortestWay(starts: string[], goal: string, edges: Map<string, string[]>): string[] | undefined {
  const ways = new Map(starts.map((start) => [start, [start]]))
  // a Map is walked in the order of insertion, also over what is added on the way
  for (const [at, way] of ways) {
    if (at === goal) return way
    for (const next of edges.get(at) ?? []) if (!ways.has(next)) ways.set(next, [...way, next])
  }
  return undefined
}
