import { join } from 'node:path'
import type { Instance } from '../../runner/instance.ts'
import { configDirOf, tilde } from '../files.ts'
import type { Session } from '../session.ts'

/** Something about this machine that its operator wouldn't find out: what it is, and what to do. */
export interface LocalFinding {
  what: 'settings' | 'environment'
  text: string
  fix: string
  /** What is meant has no effect; otherwise it may be meant so. */
  bad: boolean
}

/** What is misnamed in the settings' folder, and what this environment has that the running stack's hasn't; of a server nothing. */
export async function localFindings(session: Session): Promise<LocalFinding[]> {
  const instance = await localInstance(session)
  return instance ? [...(await misnamed(session, instance)), ...(await environment(session, instance))] : []
}

/** The same of the settings' folder alone; the environment is hashed to be compared, which each question need not wait for. */
export async function misnamedSettings(session: Session): Promise<LocalFinding[]> {
  const instance = await localInstance(session)
  return instance ? misnamed(session, instance) : []
}

/** Files there that no setting is near to: for who looks for what is wrong, as another program's may lie there. */
export async function unknownSettings(session: Session): Promise<LocalFinding[]> {
  const instance = await localInstance(session)
  if (!instance?.settings) return []
  const { config_dir, settings } = instance
  const { unknownFiles } = await import('../../runner/instance.ts')
  const named = settings.map((name) => `${name}.yaml`).join(', ')
  return unknownFiles(config_dir, settings).map((file) => ({
    what: 'settings',
    text: `${tilde(join(config_dir, file), session.io.env)} is not read; what is read there: ${named}`,
    fix: 'put what you want of it into one of these',
    bad: false,
  }))
}

/** The same of the environment alone, a line each: for when a model is not where it was expected. */
export async function environmentNotes(session: Session): Promise<string[]> {
  const instance = await localInstance(session)
  const found = instance ? await environment(session, instance) : []
  return found.map(({ text, fix }) => `${text} → ${fix}`)
}

/** The stack on this machine, when it is the one in use and runs. */
export async function localInstance(session: Session): Promise<Instance | undefined> {
  if (!(await session.profile()).local) return undefined
  const { dataDirOf, readInstance } = await import('../../runner/instance.ts')
  return readInstance(dataDirOf(session.io.env))
}

/** Where the running stack reads the operator's settings; where it would, when none runs. */
export async function settingsFolder(session: Session): Promise<string> {
  return (await localInstance(session))?.config_dir ?? configDirOf(session.io.env)
}

async function misnamed(session: Session, { config_dir, settings }: Instance): Promise<LocalFinding[]> {
  if (!settings) return []
  const { misnamedFiles } = await import('../../runner/instance.ts')
  const shown = (file: string) => tilde(join(config_dir, file), session.io.env)
  return misnamedFiles(config_dir, settings).map(({ file, meant, taken }) => ({
    what: 'settings',
    text: `${shown(file)} is not read; the file that is would be called ${meant}`,
    fix: taken
      ? `put what you want of it into ${shown(meant)}`
      : `mv ${quoted(shown(file))} ${quoted(shown(meant))}`,
    bad: true,
  }))
}

async function environment(session: Session, instance: Instance): Promise<LocalFinding[]> {
  const { environment: mark, config_dir } = instance
  if (!mark) return []
  const { differencesFrom, emptyReferences, programOnlyHere } = await import('../../runner/instance.ts')
  const { env } = session.io
  const again = 'hai down, then the command again: the stack starts in this environment'
  const differing = differencesFrom(mark, env)
  const unset = differing.filter(({ stack }) => stack === 'unset').map(({ name }) => name)
  const other = differing.filter(({ stack }) => stack === 'other').map(({ name }) => name)
  const claude = programOnlyHere(mark, env, 'claude')
  const folder = configDirOf(env)
  const empty = emptyReferences(mark).filter((name) => !unset.includes(name))
  const what = 'environment'
  return [
    ...(unset.length > 0
      ? [
          {
            what,
            text: `${list(unset)} set here and not in the running stack`,
            fix: again,
            bad: false,
          } as const,
        ]
      : []),
    ...(other.length > 0
      ? [
          {
            what,
            text: `${list(other)} set to another value here than in the running stack`,
            fix: again,
            bad: false,
          } as const,
        ]
      : []),
    ...(claude
      ? [
          {
            what,
            text: `claude is on the PATH here (${claude}), not on the running stack's`,
            fix: again,
            bad: false,
          } as const,
        ]
      : []),
    ...(folder === config_dir
      ? []
      : [
          {
            what,
            text: `the running stack reads its settings in ${config_dir}, not in ${folder}`,
            fix: again,
            bad: false,
          } as const,
        ]),
    ...empty.map(
      (name) =>
        ({
          what,
          text: `the settings refer to $env:${name}, which is not set in the running stack`,
          fix: `export ${name}=… where the stack is started, then hai down`,
          bad: true,
        }) as const,
    ),
  ]
}

const list = (names: string[]) => `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'}`

/** As a shell takes it; `~` must stay in front of a quote. */
function quoted(path: string): string {
  const [, home = '', rest = path] = /^(~\/)?(.*)$/s.exec(path) ?? []
  return /^[\w./@%+,:-]*$/.test(rest) ? path : `${home}'${rest.replaceAll("'", "'\\''")}'`
}
