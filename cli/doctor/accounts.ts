import { Failure } from '../failure.ts'
import { Accounts, isBeyond, type KeptToken } from '../member/accounts.ts'
import { household, isOver, tokensOfAll } from '../member/members.ts'
import type { Session } from '../session.ts'
import type { Finding } from '../show/finding.ts'
import { relative } from '../show/words.ts'

/** So long before its end a token is to be replaced. */
const SOON_DAYS = 14
const DAY_MS = 86_400_000

/** Tokens that end soon, have ended or have a label, as far as the caller may see them: the caller's own, and for the operator all members'. */
export async function tokenFindings(session: Session): Promise<Finding[]> {
  const accounts = await Accounts.of(session)
  const { members } = await household(session).catch(beyond({ members: undefined }))
  if (!members) return ownFindings(session, accounts)
  const { tokens } = await tokensOfAll(accounts, members)
  const near = tokens.filter((token) => !isWindmills(token) && isOver(token, soon()))
  const labelled = tokens.filter(hasLabel)
  if (tokens.length > 0 && near.length + labelled.length === 0)
    return [{ what: 'tokens', verdict: 'good', text: `${tokens.length}, none ends within ${SOON_DAYS} days` }]
  return [
    ...near.map(
      (token): Finding => ({
        what: 'tokens',
        verdict: 'unsure',
        text: `${token.token_prefix} of ${token.member} ${endsText(token)}`,
        fix: isOver(token)
          ? `hai auth token revoke ${token.token_prefix}; if ${token.member} still needs one: hai auth token add --for ${token.member}`
          : `hai auth token add --for ${token.member}`,
      }),
    ),
    ...labelled.map(
      (token): Finding => ({
        what: 'tokens',
        verdict: 'unsure',
        text: `${token.token_prefix} of ${token.member} ${labelText(token)}`,
        fix: `hai auth token add --for ${token.member}, which gives it none; then hai auth token revoke ${token.token_prefix}`,
      }),
    ),
  ]
}

/** Who is no operator may know of one token alone, the caller's own, and only where its scopes allow that. */
async function ownFindings(session: Session, accounts: Accounts): Promise<Finding[]> {
  const { target } = await session.webhook()
  const tokens = await accounts
    .me()
    .then((me) => accounts.tokensOf(me))
    .catch(beyond<KeptToken[]>([]))
  const own = tokens.find(({ token_prefix }) => target.token.startsWith(token_prefix))
  if (!own) return []
  const wrong = [...(isOver(own, soon()) ? [endsText(own)] : []), ...(hasLabel(own) ? [labelText(own)] : [])]
  return wrong.map((how) => ({
    what: 'tokens',
    verdict: 'unsure',
    text: `the one in use ${how}`,
    fix: 'ask the operator for another',
  }))
}

/** Of Windmill's own pages and jobs, which it labels: a login ends every few days. */
const isWindmills = ({ label }: KeptToken): boolean =>
  /^(session$|debugger-token$|ephemeral|mcp-oauth-)/i.test(label ?? '')

/** Whether somebody has written a label on it. */
const hasLabel = (token: KeptToken): boolean => Boolean(token.label) && !isWindmills(token)

const labelText = ({ label }: KeptToken) => `has the label ${label}: HTTP routes refuse it`

const soon = () => Date.now() + SOON_DAYS * DAY_MS

const endsText = (token: KeptToken) =>
  `${isOver(token) ? 'expired' : 'expires'} ${relative(token.expiration!)}`

/** What is not for this caller to see is no finding. */
const beyond =
  <T>(instead: T) =>
  (error: unknown): T => {
    if (isBeyond(error) || (error instanceof Failure && error.code === 'forbidden')) return instead
    throw error
  }

/**
 * Who on a server could do more than is meant: whoever writes a script there can have it read the environment of the
 * workers, that is the database and all keys, which lets one do all that the operator can. Nothing where who asks may not
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
        {
          what: 'users',
          verdict: 'good',
          text: `${told.length} seen, none but the operator's own writes scripts`,
        },
      ]
    return writers.map(({ username, is_admin }) => {
      const role = roleOf(username)
      const who = [...(is_admin ? ['an admin'] : []), role ? `hai's ${role}` : 'no member of hai'].join(', ')
      return {
        what: 'users',
        verdict: 'bad',
        text: `${username} (${who}) may write scripts there, and with one read all keys and the whole database`,
        fix: `give ${username} the role Operator in Windmill's settings of the workspace, or take that user out of it; where ${username} is to run hai, name ${username} in members as one of role operator`,
      }
    })
  } catch (error) {
    if (isBeyond(error) || (error instanceof Failure && error.code === 'forbidden')) return []
    throw error
  }
}
