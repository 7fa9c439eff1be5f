import type { Command } from 'commander'
import type { Setting } from '../../f/hai/core/base/contract.ts'
import { examples, given, JSON_OPTION } from '../command.ts'
import { EXIT } from '../failure.ts'
import { tilde } from '../files.ts'
import type { Session } from '../session.ts'
import { localFindings, settingsFolder } from '../settings/local.ts'
import { inPlace } from '../settings/notes.ts'
import { table } from '../show/table.ts'

interface Flags {
  origin?: boolean
  json?: boolean
}

/** `hai config …`: what is configured, and where each value comes from. */
export function addConfig(program: Command, session: Session): void {
  const config = program.command('config').description('show the settings in force').helpCommand(false)
  const show = config
    .command('show')
    .description('print the settings in force, as they would be written in a file')
    .argument('[name]', 'one of them, such as budget; all when not given')
    .option('--origin', 'one line for each value, with the file it comes from')
    .option(...JSON_OPTION)
    .action(session.run((name: string | undefined, flags: Flags) => print(session, name, flags)))
  examples(show, 'hai config show budget', 'hai config show --origin')
  examples(config, 'hai config show --origin')
}

async function print(session: Session, name: string | undefined, { origin, json }: Flags): Promise<number> {
  const shown = await session.call<{ settings: Setting[] }>('config/show', given({ name }))
  const { local } = await session.profile()
  if (json) session.printJson(shown)
  else if (origin) session.print(...(await origins(session, shown.settings, local)))
  else session.print(...(await written(shown.settings)))
  const bad = shown.settings.flatMap(({ error }) => error ?? [])
  for (const error of bad) session.warn(await inPlace(session, error))
  for (const { what, text, fix } of await localFindings(session)) {
    if (what === 'settings') session.warn(`${text} → ${fix}`)
  }
  return bad.length > 0 ? EXIT.usage : EXIT.done
}

async function written(settings: Setting[]): Promise<string[]> {
  const { stringify } = await import('yaml')
  return settings.map(({ name, value }) => stringify({ [name]: value }).trimEnd())
}

async function origins(session: Session, settings: Setting[], local: boolean): Promise<string[]> {
  const folder = local && tilde(await settingsFolder(session), session.io.env)
  const rows = settings.flatMap(({ name, value, origin }) =>
    Object.entries(origin).map(([path, from]) => [
      path === '' ? name : `${name}.${path}`,
      JSON.stringify(at(value, path)),
      // the local stack serves the operator's own file under Windmill's name for it
      folder ? from.replace(/^u\/operator\/hai_([a-z_]+)/, `${folder}/$1.yaml`) : from,
    ]),
  )
  const header = [{ title: 'SETTING' }, { title: 'VALUE', min: 8 }, { title: 'FROM' }]
  return table(header, rows, { columns: session.columns, title: session.paint.dim })
}

/** The value at a path, whose keys may hold dots themselves. */
function at(value: unknown, path: string): unknown {
  if (path === '' || typeof value !== 'object' || value === null) return value
  for (const [key, inner] of Object.entries(value)) {
    if (path === key) return inner
    if (path.startsWith(`${key}.`)) return at(inner, path.slice(key.length + 1))
  }
  return undefined
}
