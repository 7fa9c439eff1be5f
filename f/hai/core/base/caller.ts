import type { Sql } from './db.ts'
import { HaiError } from './errors.ts'
import { type Member, type Members, ROUTE_USER, standsForSomebody } from './members.ts'
import { own } from './own.ts'

/** What Windmill says of who is behind a job. */
export interface Issued {
  /** `u/` and the user whose rights the job has: Windmill's own word, which no caller can choose. */
  permissionedAs: string
  /** That user again, or whom a route runs for, or what stands for a token's label, a schedule or a route. */
  username: string
}

export interface Caller {
  name: string
  role: Member['role']
  /** IANA zone in which days are meant. */
  zone: string
  /** The condition on `task_queue` that leaves what this caller may see. */
  sees(sql: Sql): ReturnType<Sql>
}

/** Whose call of a webhook a job is. A label of his token's names it in reports and says nothing of him. */
export function webhookUser({ permissionedAs, username }: Issued): string {
  const user = userIn(permissionedAs)
  if (username === user || standsForSomebody(username)) return user
  throw new HaiError(
    'forbidden',
    `the job has the rights of ${user}, and Windmill says that ${username} called: either the token's label begins with ephemeral-script-end-user- (make one with another label, or none), or hai's scripts have the rights of one user, whoever calls (deploy them again)`,
  )
}

/**
 * Whose call of an HTTP route a job is. A route has the rights of one user, whoever calls, and tells of a labelled token
 * its label alone. Run as a script, it is its caller's own.
 */
export function routeUser({ permissionedAs, username }: Issued): string {
  const user = userIn(permissionedAs)
  if (standsForSomebody(username)) {
    throw new HaiError(
      'forbidden',
      "a token with a label says at an HTTP route nothing of whose it is; make one without, of a user of the machine's own: hai auth token add --for NAME",
    )
  }
  if (user === ROUTE_USER || user === username) return username
  throw new HaiError(
    'forbidden',
    `the route has the rights of ${user} and should have those of ${ROUTE_USER}; deploy hai's routes again`,
  )
}

function userIn(permissionedAs: string): string {
  const [, user] = /^u\/([^/\s]+)$/.exec(permissionedAs) ?? []
  if (user) return user
  throw new HaiError('forbidden', 'the job has the rights of no user, of a group perhaps; call as a user')
}

/** Who is calling, by the name of his user and never from a body. No match is `forbidden`. */
export function identify(username: string, members: Members, zone: string): Caller {
  const name = memberOf(username, members)
  if (name === undefined) {
    throw new HaiError(
      'forbidden',
      `${username || 'this token'} is no member; add the user name to the members configuration`,
    )
  }
  return principal(name, members, zone)
}

/** The member of that name of Windmill's; undefined when it is nobody's. */
export function memberOf(username: string, members: Members): string | undefined {
  return Object.entries(members).find(([, member]) => member.usernames.includes(username))?.[0]
}

/** A task's requester as a caller again, for the job that works on it. One who is no member any more sees only his own. */
export function principal(name: string, members: Members, zone: string): Caller {
  const role = own(members, name)?.role ?? 'member'
  const all = role !== 'member'
  return { name, role, zone, sees: (sql) => (all ? sql`true` : sql`requester = ${name}`) as ReturnType<Sql> }
}
