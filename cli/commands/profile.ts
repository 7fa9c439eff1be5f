import { existsSync, rmSync } from 'node:fs'
import type { Command } from 'commander'
import { type Config, editConfig, readConfig, tokenFileOf, unknownProfile } from '../call/profile.ts'
import { checkName, endpointProblem, LOCAL } from '../call/remote.ts'
import { forgetSuggestions } from '../call/suggestions.ts'
import { examples } from '../command.ts'
import { Failure } from '../failure.ts'
import { tilde } from '../files.ts'
import type { Session } from '../session.ts'
import { table } from '../show/table.ts'

interface AddOptions {
  endpoint: string
  workspace: string
  tokenFile?: string
  use?: boolean
}

/** `hai profile …`: the servers that hai may talk to. */
export function addProfile(program: Command, session: Session): void {
  const profile = program
    .command('profile')
    .description('choose which server hai talks to')
    .helpCommand(false)

  const ls = profile
    .command('ls')
    .description('list profiles; * is the one in use')
    .action(session.run(() => list(session)))
  examples(ls, 'hai profile ls')

  const use = profile
    .command('use')
    .description('make a profile the default one')
    .argument('<name>')
    .action(
      session.run(async (name: string) => {
        const config = await readConfig(session.io.env)
        if (name !== LOCAL && !Object.hasOwn(config.profiles, name)) throw unknownProfile(config, name)
        await editConfig(session.io.env, (document) => document.set('profile', name))
        session.print(`hai talks to ${name} now`)
        return undefined
      }),
    )
  examples(use, 'hai profile use nas', 'hai profile use local')

  const add = profile
    .command('add')
    .description('add a profile for a Windmill server')
    .argument('<name>')
    .requiredOption('--endpoint <url>', 'its address, without /api')
    .requiredOption('--workspace <name>', 'the Windmill workspace that holds the bundle')
    .option('--token-file <path>', 'where its token is kept, instead of tokens/NAME beside the config')
    .option('--use', 'make it the default one')
    .action(session.run((name: string, options: AddOptions) => addOne(session, name, options)))
  examples(add, 'hai profile add nas --endpoint https://windmill.example.com --workspace home --use')

  const rm = profile
    .command('rm')
    .description('forget a profile, and delete its token file')
    .argument('<name>')
    .action(session.run((name: string) => removeOne(session, name)))
  examples(rm, 'hai profile rm nas')
  examples(profile, 'hai profile ls', 'hai todo ls --profile nas')
}

async function list(session: Session): Promise<undefined> {
  const { env } = session.io
  const config = await readConfig(env)
  const used = session.profileFlag ?? (env.HAI_PROFILE || config.profile)
  const mark = (name: string) => (name === used ? '*' : '')
  session.print(
    ...(await table(
      [
        { title: '' },
        { title: 'PROFILE' },
        { title: 'ENDPOINT', min: 12 },
        { title: 'WORKSPACE', spare: 1 },
        { title: 'TOKEN' },
      ],
      [
        [mark(LOCAL), LOCAL, 'the stack on this machine', '', 'its own'],
        ...Object.entries(config.profiles).map(([name, remote]) => [
          mark(name),
          name,
          remote.endpoint,
          remote.workspace,
          tilde(tokenFileOf(env, name, remote), env),
        ]),
      ],
      { columns: session.columns, title: session.paint.dim },
    )),
  )
  if (env.HAI_ENDPOINT) session.note(`HAI_ENDPOINT is set, so calls go to ${env.HAI_ENDPOINT}`)
}

async function addOne(session: Session, name: string, options: AddOptions): Promise<undefined> {
  const { env } = session.io
  checkName(name)
  const problem = endpointProblem(options.endpoint)
  if (problem) throw new Failure('usage', `--endpoint ${options.endpoint}: ${problem}`)
  const config: Config = await readConfig(env)
  if (Object.hasOwn(config.profiles, name)) {
    throw new Failure('conflict', `profile ${name} exists already`, {
      next: `to change it, edit ${config.file}`,
    })
  }
  const { endpoint, workspace, tokenFile } = options
  const remote = { endpoint, workspace, ...(tokenFile ? { token_file: tokenFile } : {}) }
  await editConfig(env, (document) => {
    if (!document.get('profiles')) document.set('profiles', document.createNode({}))
    document.setIn(['profiles', name], document.createNode(remote))
    if (options.use) document.set('profile', name)
  })
  session.print(`added profile ${name}`)
  const { protocol, hostname } = new URL(endpoint)
  if (protocol === 'http:' && hostname !== 'localhost' && hostname !== '127.0.0.1') {
    session.note(`${endpoint} is not encrypted: the token can be read on the way; https:// is better`)
  }
  session.note(`give it its token: hai auth set-token --profile ${name}`)
}

async function removeOne(session: Session, name: string): Promise<undefined> {
  const { env } = session.io
  if (name === LOCAL) {
    throw new Failure('usage', `${LOCAL} is the stack on this machine, and stays; nothing was changed`, {
      next: 'to stop that: hai down',
    })
  }
  const { profile, profiles } = await readConfig(env)
  const remote = Object.hasOwn(profiles, name) ? profiles[name] : undefined
  if (!remote) {
    throw new Failure('notFound', `no profile is called ${JSON.stringify(name)}; nothing was changed`, {
      next: 'hai profile ls shows them',
    })
  }
  const file = tokenFileOf(env, name, remote)
  const sharers = Object.entries(profiles)
    .filter(([other, { token_file }]) => other !== name && tokenFileOf(env, other, { token_file }) === file)
    .map(([other]) => other)
  await editConfig(env, (document) => {
    document.deleteIn(['profiles', name])
    if (profile === name) document.delete('profile')
  })
  forgetSuggestions(env, name)
  session.print(`removed profile ${name}`)
  if (profile === name) session.note(`hai talks to ${LOCAL} now`)
  if (env.HAI_PROFILE === name) session.note('HAI_PROFILE still names it: unset HAI_PROFILE')
  removeTokenFile(session, file, sharers)
  return undefined
}

function removeTokenFile(session: Session, file: string, sharers: string[]): void {
  const shown = tilde(file, session.io.env)
  if (!existsSync(file)) return
  if (sharers.length > 0) {
    session.note(`its token file ${shown} stays, as ${sharers.join(', ')} has it too`)
    return
  }
  try {
    rmSync(file)
  } catch (cause) {
    throw new Failure('usage', `its token file ${shown} is left: ${(cause as Error).message}`, {
      cause,
      next: 'delete that file yourself',
    })
  }
  session.print(`removed ${shown}`)
  session.note('the token stays valid on the server; revoke it there too')
}
