import type { Member, Members } from '../../f/hai/core/base/caller.ts'
import type { Setting } from '../../f/hai/core/base/contract.ts'
import { nearest } from '../../f/hai/core/base/text.ts'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { inPlace } from '../settings/notes.ts'
import { type Accounts, isBeyond, type KeptToken, type User } from './accounts.ts'

/** Who may call, as the server goes by it; `error` says why what was written last is not in force. */
export interface Household {
  members: Members
  error?: string
}

/** The members in force. Only the operator may see them: `denied` to everybody else, before anything is done. */
export async function household(session: Session): Promise<Household> {
  const { settings } = await session
    .call<{ settings: Setting[] }>('config/show', { name: 'members' })
    .catch((error: unknown) => {
      if (!(error instanceof Failure) || error.code !== 'forbidden') throw error
      throw new Failure('denied', 'only the operator keeps members and tokens', {
        cause: error,
        code: 'forbidden',
      })
    })
  const [{ value, error } = { value: {} }] = settings
  return { members: value as Members, ...(error ? { error: await inPlace(session, error) } : {}) }
}

/** A member by name, which is matched exactly; `notFound` names one that is near. */
export function memberCalled(members: Members, name: string): Member {
  const member = Object.hasOwn(members, name) ? members[name] : undefined
  if (member) return member
  const near = nearest(name, Object.keys(members))
  throw new Failure('notFound', `no member is called ${JSON.stringify(name)}; nothing was done`, {
    next: near ? `did you mean ${near}? hai member ls shows them` : 'hai member ls shows them',
  })
}

/** A token, with the member whose it is and the user that it calls as. */
export interface MembersToken extends KeptToken {
  member: string
  user: User
}

/** The tokens of all members' users; `unseen` are members whose tokens the caller may not see, with why. */
export interface HouseholdTokens {
  tokens: MembersToken[]
  unseen: { members: string[]; why?: string }
}

/** All tokens that the caller may see: the caller's own, and a superadmin's (on the local stack the operator's) everybody's. */
export async function tokensOfAll(accounts: Accounts, members: Members): Promise<HouseholdTokens> {
  const { users, why } = await usersSeen(accounts)
  const found: HouseholdTokens = { tokens: [], unseen: { members: [] } }
  const unseen = (member: string, why: string) => {
    found.unseen.members.push(member)
    found.unseen.why = why
  }
  for (const [member, { usernames }] of Object.entries(members)) {
    const theirs = users.filter(({ username }) => usernames.includes(username))
    // where not all users are seen, one who isn't may have tokens all the same
    if (why !== undefined && theirs.length < usernames.length) unseen(member, why)
    for (const user of theirs) {
      try {
        const tokens = await accounts.tokensOf(user)
        found.tokens.push(...tokens.map((token) => ({ ...token, member, user })))
      } catch (error) {
        if (!isBeyond(error)) throw error
        unseen(member, (error as Error).message)
      }
    }
  }
  found.unseen.members = [...new Set(found.unseen.members)]
  return found
}

/** The users; the caller alone, or nobody, where that is refused, and why. */
async function usersSeen(accounts: Accounts): Promise<{ users: User[]; why?: string }> {
  try {
    return { users: await accounts.users() }
  } catch (error) {
    if (!isBeyond(error)) throw error
    const why = (error as Error).message
    const me = await accounts.me().catch((second: unknown) => {
      if (isBeyond(second)) return undefined
      throw second
    })
    return { users: me ? [me] : [], why }
  }
}

/** Whether a token is, or will be, no good any more at that time (milliseconds). */
export function isOver({ expiration }: KeptToken, at = Date.now()): boolean {
  return Boolean(expiration) && Date.parse(expiration!) <= at
}
