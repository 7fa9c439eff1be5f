import { Accounts, isBeyond } from '../call/accounts.ts'
import { Failure } from '../failure.ts'
import { household } from '../member/members.ts'
import type { Session } from '../session.ts'
import type { Finding } from '../show/finding.ts'

const what = 'users'

/**
 * Who on a server could do more than he should: whoever writes a script there can have it read the environment of the
 * workers, that is the database and all keys, so that he can do all that the operator can. Nothing where who asks may not
 * know, as no operator or by a token whose scopes leave users out.
 */
export async function userFindings(session: Session): Promise<Finding[]> {
  if ((await session.profile()).local) return []
  try {
    const { members } = await household(session)
    const users = await (await Accounts.of(session)).users()
    const roleOf = (username: string) =>
      Object.values(members).find(({ usernames }) => usernames.includes(username))?.role
    // a server that doesn't say it of somebody leaves it open
    const told = users.filter(({ operator, disabled }) => operator !== undefined && !disabled)
    const others = told.filter(({ username }) => roleOf(username) !== 'operator')
    const writers = others.filter(({ operator }) => !operator)
    if (told.length > 0 && writers.length === 0)
      return [
        { what, verdict: 'good', text: `${told.length} seen, none but the operator's own writes scripts` },
      ]
    return writers.map(({ username, is_admin }) => {
      const role = roleOf(username)
      const who = [...(is_admin ? ['an admin'] : []), role ? `hai's ${role}` : 'no member of hai'].join(', ')
      return {
        ...{ what, verdict: 'bad' },
        text: `${username} (${who}) may write scripts there, and with one read all keys and the whole database`,
        fix: `give ${username} the role Operator in Windmill's settings of the workspace, or take him out of it; where he is to run hai, name him in members as one of role operator`,
      }
    })
  } catch (error) {
    if (isBeyond(error) || (error instanceof Failure && error.code === 'forbidden')) return []
    throw error
  }
}
