import { join } from 'node:path'
import { type Document, isMap, type YAMLMap } from 'yaml'
import type { Member, Members } from '../../f/hai/core/base/caller.ts'
import { count } from '../../f/hai/core/base/words.ts'
import type { TaskList } from '../../f/hai/core/task/shape.ts'
import { Failure } from '../failure.ts'
import { alone, tilde } from '../files.ts'
import type { Session } from '../session.ts'
import { editSettings, openSettings, restore, textOf } from '../settings/file.ts'
import { settingsFolder } from '../settings/local.ts'
import { Accounts, type User } from './accounts.ts'
import { household, isOver, memberCalled } from './members.ts'

export interface AddFlags {
  role: Member['role']
  user?: string
  email?: string
}

const EXPECTED = 'a map of members, each with role and usernames'
const ON_WINDMILL = 'u/operator/hai_members.resource.yaml'

/** Makes somebody a member, with a Windmill user; says so when that is so already. */
export async function addMember(session: Session, name: string, flags: AddFlags): Promise<undefined> {
  checkName(name)
  const username = flags.user ?? name.replaceAll('-', '_')
  checkUser(username, flags.user === undefined)
  checkAddress(flags.email)
  const wanted = { ...flags, user: username }
  if (!(await session.profile()).local) return addOnServer(session, name, wanted)
  await session.webhook()
  const file = await membersFile(session)
  return alone(file, () => addHere(session, name, wanted, file))
}

type Wanted = AddFlags & { user: string }

async function addOnServer(session: Session, name: string, wanted: Wanted): Promise<undefined> {
  const { members } = await household(session)
  const known = Object.hasOwn(members, name) ? members[name] : undefined
  refuseOther(members, name, known, wanted)
  if (!known) {
    await sayWhatIsThere(session, name)
    return stepsToAdd(session, name, wanted)
  }
  session.print(`${name} is a member already, with the role ${known.role}`)
}

async function addHere(session: Session, name: string, wanted: Wanted, file: string): Promise<undefined> {
  const { role, user: username } = wanted
  const { members, error } = await household(session)
  const known = Object.hasOwn(members, name) ? members[name] : undefined
  refuseOther(members, name, known, wanted)
  if (error) throw broken(error)
  // a file that can't be changed is refused before a user is made
  openSettings(file, EXPECTED)
  const accounts = await Accounts.of(session)
  const users = await accounts.users()
  const before = users.find((user) => user.username === username)
  const email = wanted.email ?? before?.email ?? `${username}@example.com`
  refuseAddress(members, users, { username, email })
  const made = before === undefined
  if (made) await accounts.addUser({ username, email })
  if (known) {
    session.print(
      made
        ? `${name} was a member already; made the user ${username}, who was missing`
        : `${name} is a member already, with the role ${known.role}; nothing was changed`,
    )
  } else {
    try {
      await write(session, file, name, { role, usernames: [username] })
    } catch (failure) {
      if (made) await accounts.removeUser(username)
      throw failure
    }
    const shown = tilde(file, session.io.env)
    session.print(`${name} is a member with the role ${role}, as the user ${username}; written to ${shown}`)
    await sayWhatIsThere(session, name)
  }
  const old = made ? [] : (await accounts.tokensOf({ username, email })).filter((token) => !isOver(token))
  if (!known && old.length > 0) {
    session.warn(
      `the user ${username} was there, and ${count(old.length, 'token')} of that user will do: hai auth token ls --for ${name}`,
    )
  } else if (old.length === 0) session.note(`a token to call with: hai auth token add --for ${name}`)
}

/** The name is what tasks are kept under: whoever has it sees what was asked under it before. */
async function sayWhatIsThere(session: Session, name: string): Promise<void> {
  const { total } = await tasksOf(session, name)
  if (total === 0) return
  const tasks = total === 1 ? 'a task' : `${total} tasks`
  session.warn(
    `there was a member ${name} before: whoever has the name sees ${tasks} of that time (hai task ls --requester ${name}); somebody else needs another name`,
  )
}

const tasksOf = (session: Session, requester: string) =>
  session.call<TaskList>('task/list', { requester, limit: 1 })

/** Ends a membership: the tokens first, then what lets the member in. What was put down stays. */
export async function removeMember(session: Session, name: string): Promise<undefined> {
  if ((await session.profile()).local) {
    await session.webhook()
    const file = await membersFile(session)
    return alone(file, () => removeHere(session, name, file))
  }
  const { members } = await household(session)
  return stepsToRemove(session, name, memberCalled(members, name).usernames)
}

async function removeHere(session: Session, name: string, file: string): Promise<undefined> {
  const { members, error } = await household(session)
  const { usernames } = memberCalled(members, name)
  const accounts = await Accounts.of(session)
  const me = await accounts.me()
  if (usernames.includes(me.username)) {
    throw new Failure('denied', `${name} is who calls, and nobody can remove the caller; nothing was done`)
  }
  if (error) throw broken(error)
  const shown = tilde(file, session.io.env)
  if (!openSettings(file, EXPECTED).has(name)) {
    const message = `${name} is not written in ${shown}, but comes with hai; nothing was done`
    throw new Failure('denied', message)
  }
  const { total } = await tasksOf(session, name)
  const gone = (await accounts.users()).filter(({ username }) => usernames.includes(username))
  const tokens = (await Promise.all(gone.map((user) => accounts.tokensOf(user)))).flat()
  for (const { username } of gone) await accounts.removeUser(username)
  editSettings(file, openSettings(file, EXPECTED), (document) => void document.delete(name))
  const users = gone.length > 0 ? `; removed the user ${gone.map(({ username }) => username).join(', ')}` : ''
  session.print(
    `${name} is no member any more: taken out of ${shown}${users}; revoked ${count(tokens.length, 'token')}`,
  )
  const tasks = total > 0 ? `: hai task ls --requester ${name}` : ''
  session.note(`what ${name} put down stays, ${count(total, 'task')}${tasks}, and the todos`)
}

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
    made ? { next: 'name the user: --user NAME' } : {},
  )
}

function checkAddress(email: string | undefined): void {
  if (email === undefined || /^[^\s@]+@[^\s@]+$/.test(email)) return
  const message = `--email ${JSON.stringify(email)} is no address; expected one like kim@example.com`
  throw new Failure('usage', `${message}; nothing was changed`)
}

/** One user has one address, and nobody else has it. */
function refuseAddress(members: Members, users: User[], { username, email }: User): void {
  const same = (one: string) => one.toLowerCase() === email.toLowerCase()
  const other = users.find((user) => same(user.email) && user.username !== username)
  if (other) {
    const owner = memberOf(members, other.username)
    const whose = owner ? `the member ${owner} (user ${other.username})` : `the user ${other.username}`
    throw new Failure('conflict', `the address ${email} is that of ${whose}; nothing was changed`, {
      next: 'name another: --email ADDRESS',
    })
  }
  const own = users.find((user) => user.username === username)
  if (own && !same(own.email)) {
    const message = `the user ${username} is there, with the address ${own.email} and not ${email}; nothing was changed`
    throw new Failure('conflict', message, { next: 'leave --email out, or name another user: --user NAME' })
  }
}

const memberOf = (members: Members, username: string): string | undefined =>
  Object.keys(members).find((name) => members[name]!.usernames.includes(username))

function refuseOther(members: Members, name: string, known: Member | undefined, wanted: Wanted): void {
  if (known && known.role !== wanted.role) {
    throw new Failure('conflict', `${name} has the role ${known.role} already; nothing was changed`, {
      next: `hai member rm ${name}, then add that member anew`,
    })
  }
  if (known && !known.usernames.includes(wanted.user)) {
    const users = known.usernames.join(', ')
    throw new Failure('conflict', `${name} is a member already, as ${users}; nothing was changed`)
  }
  const other = known ? undefined : memberOf(members, wanted.user)
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

/** As whom HTTP routes run, everywhere: a user of nobody's. */
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
  restore(file, before)
  throw new Failure('usage', `${error ?? `${name} would not be in force`}; nothing was changed`)
}

/** On a server a member is a user of Windmill's and a line in the operator's own repository. */
async function stepsToAdd(
  session: Session,
  name: string,
  { user: username, email = `${username}@…`, role }: Wanted,
): Promise<never> {
  const { workspace } = await session.profile()
  session.print(
    `1. Windmill, workspace ${workspace}, Workspace settings → Users: add ${email} with the role Operator. Its name must`,
    `   become ${username}: Windmill makes it of what stands before the @.`,
    `2. Folders → hai: let u/${username} read it, or a group of that user's.`,
    `3. Under what is in ${ON_WINDMILL} of your own repository, below value:`,
    `     ${name}: { role: ${role}, usernames: [${username}] }`,
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
    `What ${name} put down stays: tasks and todos.`,
  )
  throw new Failure('denied', `nothing was done: on a server, these steps end the membership of ${name}`)
}
