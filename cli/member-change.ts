import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Document, isMap, type YAMLMap } from 'yaml'
import type { TaskList } from '../f/hai/core/contract.ts'
import type { Member, Members } from '../f/hai/core/members.ts'
import { Accounts } from './accounts.ts'
import { Failure } from './failure.ts'
import { isOver } from './household-tokens.ts'
import { settingsFolder } from './local-findings.ts'
import { household, memberCalled } from './members.ts'
import { tilde } from './paths.ts'
import { writePrivate } from './private-file.ts'
import type { Session } from './session.ts'
import { editSettings, openSettings } from './settings-file.ts'

export interface AddFlags {
  role: Member['role']
  user?: string
  email?: string
}

const EXPECTED = 'a map of members, each with role and usernames'
const ON_WINDMILL = 'u/operator/hai_members.resource.yaml'

/** Makes somebody a member, with a user of his own; says so when he is one already. */
export async function addMember(session: Session, name: string, flags: AddFlags): Promise<undefined> {
  checkName(name)
  const username = flags.user ?? name.replaceAll('-', '_')
  checkUser(username, flags.user === undefined)
  const { members, error } = await household(session)
  const known = Object.hasOwn(members, name) ? members[name] : undefined
  refuseOther(members, name, known, { ...flags, user: username })
  const profile = await session.profile()
  if (!profile.local) {
    if (known) {
      session.print(`${name} is a member already, with the role ${known.role}`)
      return
    }
    return stepsToAdd(session, name, username, flags)
  }
  if (error) throw broken(error)
  const file = await membersFile(session)
  // a file that can't be changed is refused before a user is made
  openSettings(file, EXPECTED)
  const accounts = await Accounts.of(session)
  const given = { username, email: flags.email ?? `${username}@example.com` }
  const before = (await accounts.users()).find((user) => user.username === username)
  const wanted = before ?? given
  const made = before === undefined
  if (made) await accounts.addUser(wanted)
  const shown = tilde(file, session.io.env)
  if (known) {
    session.print(
      made
        ? `${name} was a member already; made the user ${username}, who was missing`
        : `${name} is a member already, with the role ${known.role}; nothing was changed`,
    )
  } else {
    try {
      await write(session, file, name, { role: flags.role, usernames: [username] })
    } catch (failure) {
      if (made) await accounts.removeUser(username)
      throw failure
    }
    session.print(
      `${name} is a member with the role ${flags.role}, as the user ${username}; written to ${shown}`,
    )
  }
  const old = made ? [] : (await accounts.tokensOf(wanted)).filter((token) => !isOver(token))
  if (!known && old.length > 0) {
    session.warn(
      `the user ${username} was there, and ${count(old.length)} of his will do: hai auth token ls --for ${name}`,
    )
  } else if (old.length === 0) session.note(`a token to call with: hai auth token add --for ${name}`)
}

/** Ends a membership: his tokens first, then what lets him in. What he put down stays. */
export async function removeMember(session: Session, name: string): Promise<undefined> {
  const { members, error } = await household(session)
  const { usernames } = memberCalled(members, name)
  if (!(await session.profile()).local) return stepsToRemove(session, name, usernames)
  const accounts = await Accounts.of(session)
  const me = await accounts.me()
  if (usernames.includes(me.username)) {
    throw new Failure('denied', `${name} is who calls, and can't remove himself; nothing was done`)
  }
  if (error) throw broken(error)
  const file = await membersFile(session)
  const shown = tilde(file, session.io.env)
  if (!openSettings(file, EXPECTED).has(name)) {
    const message = `${name} is not written in ${shown}, but comes with hai; nothing was done`
    throw new Failure('denied', message)
  }
  const { total } = await session.call<TaskList>('task/list', { requester: name, limit: 1 })
  const his = (await accounts.users()).filter(({ username }) => usernames.includes(username))
  const tokens = (await Promise.all(his.map((user) => accounts.tokensOf(user)))).flat()
  for (const { username } of his) await accounts.removeUser(username)
  editSettings(file, openSettings(file, EXPECTED), (document) => void document.delete(name))
  const users = his.length > 0 ? `; removed the user ${his.map(({ username }) => username).join(', ')}` : ''
  session.print(
    `${name} is no member any more: taken out of ${shown}${users}; revoked ${count(tokens.length)}`,
  )
  const tasks = total > 0 ? `: hai task ls --requester ${name}` : ''
  session.note(`what he put down stays, ${total} ${total === 1 ? 'task' : 'tasks'}${tasks}, and his todos`)
}

const count = (tokens: number) => (tokens === 1 ? '1 token' : `${tokens} tokens`)

function checkName(name: string): void {
  if (/^[a-z0-9][a-z0-9_-]{0,39}$/.test(name)) return
  throw new Failure(
    'usage',
    `${JSON.stringify(name)} is no name of a member; use lower case letters, digits, - and _, at most 40`,
  )
}

/** What Windmill takes for a user's name. */
function checkUser(username: string, made: boolean): void {
  if (username === RESERVED) {
    const message = `${username} is the user that hai's routes run as, and no member's; nothing was changed`
    throw new Failure('usage', message, { next: 'name another: --user NAME' })
  }
  if (/^[a-zA-Z]\w{0,49}$/.test(username)) return
  throw new Failure(
    'usage',
    `${JSON.stringify(username)} is no name of a user; it begins with a letter, and has letters, digits and _ only`,
    made ? { next: 'name his user: --user NAME' } : {},
  )
}

function refuseOther(members: Members, name: string, known: Member | undefined, wanted: AddFlags): void {
  if (known && known.role !== wanted.role) {
    throw new Failure('conflict', `${name} has the role ${known.role} already; nothing was changed`, {
      next: `hai member rm ${name}, then add him anew`,
    })
  }
  if (known && !known.usernames.includes(wanted.user!)) {
    const users = known.usernames.join(', ')
    throw new Failure('conflict', `${name} is a member already, as ${users}; nothing was changed`)
  }
  const [other] =
    Object.entries(members).find(
      ([one, { usernames }]) => one !== name && usernames.includes(wanted.user!),
    ) ?? []
  if (other) {
    const message = `the user ${wanted.user} is the member ${other} already, and one user is one member; nothing was changed`
    throw new Failure('conflict', message, { next: 'name another: --user NAME' })
  }
}

function broken(error: string): Failure {
  return new Failure('usage', `${error}; nothing was changed`, {
    next: 'mend it; hai config show members tells when it is good',
  })
}

async function membersFile(session: Session): Promise<string> {
  return join(await settingsFolder(session), 'members.yaml')
}

/** As whom HTTP routes run, everywhere: he is nobody's. */
const RESERVED = 'hai'

/** Writes an entry and sees to it that it is in force; if it can't be, the file is what it was. */
async function write(session: Session, file: string, name: string, member: Member): Promise<void> {
  const before = textOf(file)
  editSettings(file, openSettings(file, EXPECTED), (document: Document) => {
    const entry = document.createNode(member) as YAMLMap
    entry.flow = true
    const { contents } = document
    // what is left of a file whose last entry went is {}
    if (isMap(contents) && contents.items.length === 0) contents.flow = false
    document.set(name, entry)
  })
  const { members, error } = await household(session)
  if (!error && Object.hasOwn(members, name)) return
  if (before === undefined) rmSync(file)
  else writePrivate(file, before)
  throw new Failure('usage', `${error ?? `${name} would not be in force`}; nothing was changed`)
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** On a server a member is a user of Windmill's and a line in the operator's own repository. */
async function stepsToAdd(session: Session, name: string, username: string, flags: AddFlags): Promise<never> {
  const { workspace } = await session.profile()
  const email = flags.email ?? `${username}@…`
  session.print(
    `1. Windmill, workspace ${workspace}, Workspace settings → Users: add ${email} with the role Operator. Its name must`,
    `   become ${username}: Windmill makes it of what stands before the @.`,
    `2. Folders → hai: let u/${username} read it, or a group that he is in.`,
    `3. Under what is in ${ON_WINDMILL} of your own repository, below value:`,
    `     ${name}: { role: ${flags.role}, usernames: [${username}] }`,
    '4. wmill sync push; within a minute it is in force: hai member ls shows it.',
    `5. hai auth token add --for ${name}`,
  )
  throw new Failure('denied', `nothing was done: on a server, these steps make ${name} a member`)
}

async function stepsToRemove(session: Session, name: string, usernames: string[]): Promise<never> {
  const { workspace } = await session.profile()
  session.print(
    `1. hai auth token revoke --for ${name}`,
    `2. Take ${name} out of ${ON_WINDMILL} of your own repository, then: wmill sync push`,
    `3. Windmill, workspace ${workspace}, Workspace settings → Users: remove ${usernames.join(', ')}.`,
    'What he put down stays: his tasks and his todos.',
  )
  throw new Failure('denied', `nothing was done: on a server, these steps end the membership of ${name}`)
}
