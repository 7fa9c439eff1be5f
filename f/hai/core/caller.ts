import type { Sql } from './db.ts'
import { HaiError } from './errors.ts'
import type { Member, Members } from './members.ts'
import { own } from './own.ts'

export interface Caller {
  name: string
  role: Member['role']
  /** IANA zone in which days are meant. */
  zone: string
  /** The condition on `task_queue` that leaves what this caller may see. */
  sees(sql: Sql): ReturnType<Sql>
}

/** Who is calling, from Windmill's word for him and never from a body. No match is `forbidden`. */
export function identify(username: string, members: Members, zone: string): Caller {
  const found = Object.entries(members).find(([, member]) => member.usernames.includes(username))
  if (!found) {
    throw new HaiError(
      'forbidden',
      `${username || 'this token'} is no member; add the user name to the members configuration`,
    )
  }
  const [name] = found
  return principal(name, members, zone)
}

/** A task's requester as a caller again, for the job that works on it. One who is no member any more sees only his own. */
export function principal(name: string, members: Members, zone: string): Caller {
  const role = own(members, name)?.role ?? 'member'
  const all = role !== 'member'
  return { name, role, zone, sees: (sql) => (all ? sql`true` : sql`requester = ${name}`) as ReturnType<Sql> }
}
