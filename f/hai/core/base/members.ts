import { z } from 'zod'

/** As whom Windmill runs hai's HTTP routes, whoever calls them. He is nobody himself. */
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
  /** An operator sees and decides everything, a member sees his own, a machine works for others. */
  role: z.enum(['operator', 'member', 'machine']),
  /** His users on Windmill, matched exactly. */
  usernames: z.array(UserName).min(1),
})
export type Member = z.output<typeof Member>

/** The `members` configuration: who may call, by the name that hai gives him. */
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
