import type { Setting } from '../../f/hai/core/base/contract.ts'
import type { Member, Members } from '../../f/hai/core/base/members.ts'
import { nearest } from '../../f/hai/core/base/nearest.ts'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { inPlace } from '../settings/notes.ts'

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

/** A member by his name, which is matched exactly; `notFound` names one that is near. */
export function memberCalled(members: Members, name: string): Member {
  const member = Object.hasOwn(members, name) ? members[name] : undefined
  if (member) return member
  const near = nearest(name, Object.keys(members))
  throw new Failure('notFound', `no member is called ${JSON.stringify(name)}; nothing was done`, {
    next: near ? `did you mean ${near}? hai member ls shows them` : 'hai member ls shows them',
  })
}
