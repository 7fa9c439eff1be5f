import { z } from 'zod'
import type { Clock } from './dates.ts'
import type { Part, Sql } from './db.ts'
import { HaiError } from './errors.ts'
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
  /** IANA zone in which the ledger's days begin, whoever looks. */
  ledgerZone: string
  /** The caller has named the zone, and so knows which it is. */
  zoneNamed?: true
  /** Whether 3/4 is 3 April, or 4 March; undefined where nobody has said. */
  dayFirst?: boolean | undefined
  /** The condition on `task_queue` that leaves what this caller may see. */
  sees(sql: Sql): Part
}

/** By whose clock a house lives. */
export type Zones = Pick<Caller, 'zone' | 'ledgerZone' | 'dayFirst'>

/** The caller's clock; one that has named no zone is told which it is. */
export const clockOf = <More extends object>(
  { zone, zoneNamed, dayFirst }: Pick<Caller, 'zone' | 'zoneNamed' | 'dayFirst'>,
  more: More & { now: Date },
): Clock & More => ({ zone, dayFirst, ...(zoneNamed ? {} : { tellZone: true }), ...more })

/** A caller that has said in which zone it is. */
export const inZone = (caller: Caller, zone: string): Caller => ({ ...caller, zone, zoneNamed: true })

/** Whose call of a webhook a job is. A token's label names the token in reports and says nothing of whose it is. */
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

/** Who is calling, by the name of the user and never from a body. No match is `forbidden`. */
export function identify(username: string, members: Members, zone: string | Zones): Caller {
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

/** A task's requester as a caller again, for the job that works on it. Who is no member any more sees no tasks of others. */
export function principal(name: string, members: Members, zone: string | Zones): Caller {
  const role = own(members, name)?.role ?? 'member'
  const all = role !== 'member'
  const zones = typeof zone === 'string' ? { zone, ledgerZone: zone } : zone
  return { name, role, ...zones, sees: (sql) => (all ? sql`true` : sql`requester = ${name}`) as Part }
}

/** As whom Windmill runs hai's HTTP routes, whoever calls them. Nobody else goes by that name. */
export const ROUTE_USER = 'hai'

/** What Windmill calls a job by that a labelled token, a schedule or a route started. Whoever makes a token writes its label. */
const STAND_IN = /^(label|webhook|http|email|ws|schedule|ephemeral)[- ]|^(session|lsp)$/i

/** Whether it is no user's name, but what a label, a schedule or a route goes by. */
export const standsForSomebody = (username: string): boolean => STAND_IN.test(username)

const UserName = z
  .string()
  .min(1)
  .refine((name) => !standsForSomebody(name), {
    error:
      'expected the name of a user: whoever makes a token chooses its label, so give each person and each machine a user (hai member add NAME --role machine) and name that',
  })
  .refine((name) => name !== ROUTE_USER, {
    error: 'expected another user: as this one the HTTP routes run, whoever calls them; take it out',
  })

const Member = z.strictObject({
  /** An operator sees and decides everything, a member sees the member's own, a machine works for others. */
  role: z.enum(['operator', 'member', 'machine']),
  /** The member's users on Windmill, matched exactly. */
  usernames: z.array(UserName).min(1),
})
export type Member = z.output<typeof Member>

/** The `members` configuration: who may call, by the name that hai knows the caller by. */
export const Members = z
  .record(
    z.string().regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, 'expected lower case letters, digits, - and _'),
    Member,
  )
  .superRefine((members, context) => {
    const owners = new Map<string, string>()
    for (const [name, { usernames }] of Object.entries(members)) {
      for (const username of usernames) {
        const other = owners.get(username)
        if (other && other !== name) {
          const message = `${username} is ${other} already; one user name is one member`
          context.addIssue({ code: 'custom', path: [name, 'usernames'], message })
        }
        owners.set(username, name)
      }
    }
  })
export type Members = z.output<typeof Members>

/** Used until the operator's own are known. */
export const DEFAULT_MEMBERS: Members = {
  operator: { role: 'operator', usernames: ['operator'] },
}
