import type { Member } from '../../f/hai/core/base/caller.ts'
import { isThisMachine } from '../call/house-address.ts'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { table } from '../show/table.ts'
import { relative } from '../show/words.ts'
import { Accounts, isBeyond, type User } from './accounts.ts'
import { household, isOver, type MembersToken, memberCalled, tokensOfAll } from './members.ts'
import { scopesFor, scopeText, type Use } from './scopes.ts'

export interface AddFlags {
  for: string
  expires: string
  allow?: Use[]
  user?: string
}

/** Longer than anybody plans; what is to last is `never`. */
const LONGEST_DAYS = 3650
const DAY_SECONDS = 86_400

/** Makes a token for a member and prints it, this once and alone on stdout. */
export async function addToken(session: Session, flags: AddFlags): Promise<undefined> {
  const name = flags.for
  const expiration = endOf(flags.expires)
  const { members } = await household(session)
  const member = memberCalled(members, name)
  if (flags.allow && member.role !== 'machine') {
    throw new Failure('usage', `--allow is for machines, and ${name} is ${withArticle(member.role)}`, {
      next: `hai auth token add --for ${name}`,
    })
  }
  const uses = [...new Set(flags.allow ?? (['inbox'] as const))]
  const scopes = scopesFor(member.role, uses)
  const grant = { scopes, ...(expiration ? { expiration } : {}) }
  const accounts = await Accounts.of(session)
  let token: string
  try {
    token = await accounts.makeToken(await userOf(accounts, name, member, flags.user), grant)
  } catch (error) {
    if (isBeyond(error)) await tellSteps(session, name, member, grant)
    throw error
  }
  session.print(token)
  const { target } = await session.webhook()
  const end = expiration ? `it ends ${relative(expiration)}` : 'it never ends'
  session.note(`with it ${name} may ${scopeText(scopes)}; ${end}, and is shown this once`)
  if (member.role === 'machine') {
    session.note('it goes into the header Authorization: Bearer …')
  } else {
    const { endpoint, workspace } = target
    const address = new URL(endpoint)
    if (isThisMachine(address)) {
      const { port, host } = address
      session.note(
        `this stack answers on this machine alone; from another one: ssh -N -L ${port}:${host} THIS-MACHINE, as long as it is used`,
      )
    }
    session.note(`there: hai profile add home --endpoint ${endpoint} --workspace ${workspace}`)
    session.note('then: hai auth set-token --profile home, which asks for it')
  }
  session.note(`to take it back: hai auth token revoke --for ${name}`)
}

/** Lists the tokens of all members, or of one, as far as the caller may see them. */
export async function listTokens(
  session: Session,
  { for: name, json }: { for?: string; json?: boolean },
): Promise<undefined> {
  const { members } = await household(session)
  const wanted = name === undefined ? members : { [name]: memberCalled(members, name) }
  const { tokens, unseen } = await tokensOfAll(await Accounts.of(session), wanted)
  if (json) session.printJson({ tokens: tokens.map(asJson), unseen: unseen.members })
  else if (tokens.length > 0) session.print(...(await tokenTable(session, tokens)))
  else if (unseen.members.length === 0) {
    session.note(
      `${name ?? 'nobody'} has ${name ? 'no' : 'a'} token; to make one: hai auth token add --for ${name ?? 'NAME'}`,
    )
  }
  if (unseen.members.length > 0)
    session.warn(`not shown are the tokens of ${unseen.members.join(', ')}: ${unseen.why}`)
}

/** Ends one token, or all of a member. */
export async function revokeTokens(
  session: Session,
  given: string | undefined,
  { for: name }: { for?: string },
): Promise<undefined> {
  if ((given === undefined) === (name === undefined)) {
    throw new Failure(
      'usage',
      'expected the beginning of a token, or --for NAME for all tokens of a member',
      {
        next: 'hai auth token ls shows them',
      },
    )
  }
  const { members } = await household(session)
  const wanted = name === undefined ? members : { [name]: memberCalled(members, name) }
  const accounts = await Accounts.of(session)
  const { tokens, unseen } = await tokensOfAll(accounts, wanted)
  const doomed = given === undefined ? tokens : [theOne(tokens, given, unseen.members)]
  if (name !== undefined && unseen.members.length > 0) {
    throw new Failure('denied', `the tokens of ${name} can't be seen from here; nothing was revoked`, {
      next: `as ${name} in Windmill: Account settings, Tokens`,
    })
  }
  if (doomed.length === 0) {
    session.note(`${name} has no token; nothing was revoked`)
    return
  }
  for (const [user, prefixes] of byUser(doomed)) await accounts.revoke(user, prefixes)
  for (const { token_prefix, member } of doomed) session.print(`revoked ${token_prefix}… of ${member}`)
  const { local } = await session.profile()
  session.note(local ? 'refused from now on' : 'a server that has seen it may take it for two minutes more')
}

/** The token meant by its beginning; it may be longer than what is kept of it, and is never repeated. */
function theOne(tokens: MembersToken[], given: string, unseen: string[]): MembersToken {
  const found = tokens.filter(
    ({ token_prefix }) => token_prefix.startsWith(given) || given.startsWith(token_prefix),
  )
  const [one, ...others] = given === '' ? [] : found
  if (one && others.length === 0) return one
  if (one) {
    const names = found.map(({ token_prefix, member }) => `${token_prefix} of ${member}`).join(', ')
    throw new Failure('conflict', `${found.length} tokens begin so: ${names}; nothing was revoked`, {
      next: 'give more of its letters',
    })
  }
  const hidden = unseen.length > 0 ? `, and those of ${unseen.join(', ')} can't be seen from here` : ''
  throw new Failure('notFound', `no token begins so${hidden}; nothing was revoked`, {
    next: 'hai auth token ls shows them',
  })
}

function byUser(tokens: MembersToken[]): Map<User, string[]> {
  const groups = new Map<User, string[]>()
  for (const { user, token_prefix } of tokens) groups.set(user, [...(groups.get(user) ?? []), token_prefix])
  return groups
}

/** The user of a member that the token is to be of. */
async function userOf(
  accounts: Accounts,
  name: string,
  { role, usernames }: Member,
  wanted: string | undefined,
): Promise<User> {
  const users = (await accounts.users()).filter(({ username }) => usernames.includes(username))
  const named = wanted === undefined ? users : users.filter(({ username }) => username === wanted)
  const [user, ...others] = named
  if (user && others.length === 0) return user
  const names = users.map(({ username }) => username).join(', ')
  if (user) {
    throw new Failure('conflict', `${name} has several users: ${names}; no token was made`, {
      next: `hai auth token add --for ${name} --user ${user.username}`,
    })
  }
  if (users.length > 0)
    throw new Failure('notFound', `${name} has no user ${wanted}, but ${names}; no token was made`)
  throw new Failure('notFound', `Windmill has no user ${usernames.join(' or ')}; no token was made`, {
    next: `hai member add ${name} --role ${role}`,
  })
}

/** Seconds of each unit of a token's length; a month has 30 days and a year 365. */
const UNITS: Record<string, number> = {
  s: 1,
  m: 60,
  h: 3600,
  d: DAY_SECONDS,
  w: 7 * DAY_SECONDS,
  mo: 30 * DAY_SECONDS,
  y: 365 * DAY_SECONDS,
}

/** When a token made now is to end (RFC 3339); undefined for never. */
function endOf(text: string): string | undefined {
  if (text === 'never') return undefined
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(text) ?? []
  const length = Number(count) * (UNITS[unit] ?? Number.NaN)
  if (!(length > 0 && length <= LONGEST_DAYS * DAY_SECONDS)) {
    throw new Failure(
      'usage',
      `--expires ${JSON.stringify(text)} is not accepted; expected a length of time with its unit, such as 12h, 90d, 12w, 6mo or 1y, at most ${LONGEST_DAYS}d, or never`,
    )
  }
  return new Date(Date.now() + length * 1000).toISOString()
}

const withArticle = (role: string) => (role === 'operator' ? 'an operator' : `a ${role}`)

async function tokenTable(session: Session, tokens: MembersToken[]): Promise<string[]> {
  const rows = tokens.map((token) => [
    token.token_prefix,
    token.member,
    token.user.username,
    relative(token.created_at),
    endText(token),
    usedText(token),
    `${scopeText(token.scopes)}${token.label ? `; labelled ${token.label}` : ''}`,
  ])
  const header = [
    { title: 'TOKEN' },
    { title: 'FOR' },
    { title: 'USER', spare: 3 },
    { title: 'MADE', spare: 2 },
    { title: 'EXPIRES' },
    { title: 'LAST USED', spare: 1 },
    { title: 'MAY' },
  ]
  return table(header, rows, { columns: session.columns, title: session.paint.dim, headings: true })
}

/** When it ends, or ended. */
export function endText(token: MembersToken): string {
  if (!token.expiration) return 'never'
  return isOver(token) ? `expired ${relative(token.expiration)}` : relative(token.expiration)
}

/** Windmill gives its making for its last use while there was none. */
export function usedText({ created_at, last_used_at }: MembersToken): string {
  return Date.parse(last_used_at) > Date.parse(created_at) ? relative(last_used_at) : 'never'
}

/** A token as programs read it. */
export function asJson({ member, user, ...token }: MembersToken): object {
  return { ...token, member, username: user.username }
}

/** What to do where this token can't make one for another: on stderr, as what is on stdout is taken for the token. */
async function tellSteps(
  session: Session,
  name: string,
  { usernames }: Member,
  grant: { scopes: string[]; expiration?: string },
): Promise<void> {
  const { target } = await session.webhook()
  const body = JSON.stringify({ ...grant, workspace_id: target.workspace })
  const user = usernames.join(' or ')
  const steps = [
    'no token was made. With a token of a superadmin who is hai’s operator too, made without scopes and for no workspace, the same',
    'command makes it (HAI_TOKEN is where it is looked for). By hand:',
    `1. at ${target.endpoint}, as ${user}: Account settings, Tokens: make one for a day, without scopes, and put it into a file:`,
    '   (umask 077; cat > own-token)',
    `2. make the one for ${name} with it; without a label, which the form asks for and hai does not want:`,
    `   curl --config - ${target.endpoint}/api/users/tokens/create -H 'Content-Type: application/json' -d '${body}' <<END`,
    '   header = "Authorization: Bearer $(cat own-token)"',
    '   END',
    '3. delete the first one there, and the file: rm own-token',
  ]
  for (const line of steps) session.io.stderr.write(`${line}\n`)
}
