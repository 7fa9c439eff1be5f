import type { Command } from 'commander'
import { examples } from '../command.ts'
import { type Config, checkName, editConfig, endpointProblem, LOCAL, readConfig } from '../config.ts'
import { Failure } from '../failure.ts'
import { tilde } from '../paths.ts'
import { tokenFileOf, unknownProfile } from '../profile.ts'
import type { Session } from '../session.ts'
import { table } from '../table.ts'

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
