import { z } from 'zod'

const Member = z.strictObject({
  /** An operator sees and decides everything, a member sees his own, a machine works for others. */
  role: z.enum(['operator', 'member', 'machine']),
  /** Windmill's names for him, matched exactly: a user, `label-…` of a token, `schedule-…`. */
  usernames: z
    .array(
      z
        .string()
        .min(1)
        .refine((name) => !name.startsWith('HTTP-'), {
          error:
            'expected the name of a user, a token or a schedule; HTTP-… names a route that anybody may call',
        }),
    )
    .min(1),
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
