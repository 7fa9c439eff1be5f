import { existsSync, rmSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { checkToken, type Profile, readToken } from '../call/profile.ts'
import { examples, readingStdin } from '../command.ts'
import { Failure } from '../failure.ts'
import { tilde, writePrivate } from '../files.ts'
import { USES } from '../member/scopes.ts'
import type { AddFlags } from '../member/token.ts'
import type { Session } from '../session.ts'
import { readStdin } from '../stdin.ts'

/** Characters of a token that may be shown, and how long it must be for them to give nothing away. */
const SHOWN = 4
const SAFE_LENGTH = 20

/** `hai auth …`: the token of a profile, which comes from stdin or a hidden prompt, never from the command line; and those of members. */
export function addAuth(program: Command, session: Session): void {
  const auth = program
    .command('auth')
    .description("keep a profile's token, and make those of members")
    .helpCommand(false)

  const set = readingStdin(auth.command('set-token'))
    .description('store a token, read from stdin or a hidden prompt')
    .action(session.run(() => setToken(session)))
  examples(
    set,
    'hai auth set-token --profile nas',
    'pass show windmill/hai | hai auth set-token --profile nas',
  )

  const show = auth
    .command('show')
    .description('say which token is used, without showing it')
    .action(session.run(() => showToken(session)))
  examples(show, 'hai auth show')

  const logout = auth
    .command('logout')
    .description('remove the stored token')
    .action(session.run(() => removeToken(session)))
  examples(logout, 'hai auth logout --profile nas')
  addTokens(auth, session)
  examples(auth, 'hai auth set-token --profile nas', 'hai auth show', 'hai auth token add --for kim')
}

/** `hai auth token …`: the tokens that members call with. */
function addTokens(auth: Command, session: Session): void {
  const token = auth
    .command('token')
    .description('make, list and end the tokens of members')
    .helpCommand(false)

  const add = token
    .command('add')
    .description(
      'make a token for a member, with the scopes of that role; it is printed once, alone on stdout',
    )
    .requiredOption('--for <name>', 'the member, by the name in hai member ls')
    .option('--expires <time>', 'how long it is good: 12h, 90d, 12w, 6mo, 1y, or never', '90d')
    .addOption(
      new Option('--allow <what...>', 'what the token of a machine is for; inbox when not given').choices(
        USES,
      ),
    )
    .option('--user <name>', 'which user of a member that has several')
    .action(
      session.run(async (flags: AddFlags) => (await import('../member/token.ts')).addToken(session, flags)),
    )
  examples(
    add,
    'hai auth token add --for kim --expires 90d',
    'hai auth token add --for chatpage --allow chat',
    'hai auth token add --for kim | ssh kims-laptop hai auth set-token --profile home',
  )

  const ls = token
    .command('ls')
    .description('list the tokens of members: what they may, until when, and when they were last used')
    .option('--for <name>', 'of this member only')
    .option('--json', 'print it as JSON')
    .action(
      session.run(async (flags: { for?: string; json?: boolean }) =>
        (await import('../member/token.ts')).listTokens(session, flags),
      ),
    )
  examples(ls, 'hai auth token ls', 'hai auth token ls --for kim')

  const revoke = token
    .command('revoke')
    .description('end a token, by its first letters, or all of a member')
    .argument('[beginning]', 'its first letters, as hai auth token ls shows them')
    .option('--for <name>', 'all tokens of this member')
    .action(
      session.run(async (beginning: string | undefined, flags: { for?: string }) =>
        (await import('../member/token.ts')).revokeTokens(session, beginning, flags),
      ),
    )
  examples(revoke, 'hai auth token revoke Xq3f', 'hai auth token revoke --for kim')
  examples(token, 'hai auth token add --for kim', 'hai auth token ls')
}

async function setToken(session: Session): Promise<undefined> {
  const file = storedFile(await session.profile())
  const asked = await session.onTerminal()
  const text = asked ? await askHidden(session) : await readStdin(session.io)
  const token = checkToken(text, asked ? 'the prompt' : 'stdin')
  writePrivate(file, `${token}\n`)
  session.print(`stored a token of ${token.length} characters in ${tilde(file, session.io.env)}`)
}

async function askHidden(session: Session): Promise<string> {
  const { isCancel, password } = await import('@clack/prompts')
  const { stdin, stderr } = session.io
  const typed = await password({ message: 'Token', input: stdin, output: stderr })
  if (isCancel(typed)) throw new Failure('interrupted', 'no token was stored')
  return typed
}

async function showToken(session: Session): Promise<undefined> {
  const profile = await session.profile()
  const warn = (line: string) => session.note(line)
  const place = profile.local ? await localPlace(session) : profile
  const token = profile.token ?? (place.token_file ? readToken(place.token_file, warn) : undefined)
  const from = profile.token ? 'HAI_TOKEN' : (place.token_file ?? 'none; set HAI_TOKEN')
  session.print(
    `profile   ${profile.name}`,
    `endpoint  ${place.endpoint ?? 'the stack on this machine; it is not running'}`,
    `token     ${tilde(from, session.io.env)}`,
  )
  if (!token) {
    const next = profile.local ? 'hai up makes one' : tokenAdvice(profile)
    throw new Failure('denied', `there is no token for ${profile.name}`, { next })
  }
  const start = token.length >= SAFE_LENGTH ? `, begins with ${token.slice(0, SHOWN)}` : ''
  session.print(`length    ${token.length}${start}`)
}

async function localPlace(session: Session): Promise<{ endpoint?: string; token_file: string }> {
  const { dataDirOf, readInstance } = await import('../../runner/instance.ts')
  const { join } = await import('node:path')
  const dataDir = dataDirOf(session.io.env)
  const instance = readInstance(dataDir)
  return instance ?? { token_file: join(dataDir, 'token') }
}

async function removeToken(session: Session): Promise<undefined> {
  const file = storedFile(await session.profile())
  const shown = tilde(file, session.io.env)
  if (!existsSync(file)) {
    session.note(`there was no token in ${shown}`)
    return
  }
  rmSync(file)
  session.print(`removed ${shown}`)
  session.note('it stays valid on the server; revoke it there too')
}

function storedFile(profile: Profile): string {
  if (profile.local) {
    throw new Failure('usage', 'the local stack keeps its own token', {
      next: 'for a server: --profile NAME',
    })
  }
  if (!profile.token_file) {
    throw new Failure('usage', 'HAI_ENDPOINT is set, and its token comes from HAI_TOKEN only', {
      next: 'unset HAI_ENDPOINT, or hai profile add NAME --endpoint URL --workspace NAME',
    })
  }
  return profile.token_file
}

function tokenAdvice(profile: Profile): string {
  return profile.token_file ? `hai auth set-token --profile ${profile.name}` : 'set HAI_TOKEN'
}
