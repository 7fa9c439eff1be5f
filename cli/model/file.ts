import { join } from 'node:path'
import { type Document, isMap } from 'yaml'
import type { ModelList } from '../../f/hai/core/model/shape.ts'
import { Failure } from '../failure.ts'
import { alone, configDirOf } from '../files.ts'
import type { Session } from '../session.ts'
import { editSettings, openSettings, restore, textOf } from '../settings/file.ts'
import { settingsFolder } from '../settings/local.ts'
import { inPlace } from '../settings/notes.ts'

type Env = Record<string, string | undefined>

/** Where the operator's own models are on this machine, for what runs in this environment. */
export function modelsFileOf(env: Env): string {
  return join(configDirOf(env), 'models.yaml')
}

/** What models.yaml says of a backend, as far as it says it. */
export interface Written {
  url?: unknown
  billing?: string
  enabled?: boolean
  models?: object
}

/** Where the stack in use reads them, which may have been started with another folder. */
export async function modelsFile(session: Session): Promise<string> {
  return join(await settingsFolder(session), 'models.yaml')
}

/** The backends that a models.yaml names, unchecked; a file that is no YAML is refused. */
export function backendsIn(file: string): Record<string, Written> {
  const { backends } = (open(file).toJS() ?? {}) as { backends?: Record<string, Written | null> }
  return Object.fromEntries(Object.entries(backends ?? {}).map(([name, backend]) => [name, backend ?? {}]))
}

/**
 * Changes the operator's models.yaml in place, with its comments kept, and sees to it that the stack takes it: else the
 * file is what it was, and that is a Failure. `changed` is true when it made a difference, and the file is left alone when
 * it made none; `list` is what the stack has by now. What is not YAML is refused.
 */
export async function editModels(
  session: Session,
  edit: (document: Document) => void,
): Promise<{ changed: boolean; list: ModelList | undefined }> {
  const file = await modelsFile(session)
  return alone(file, async () => {
    const before = textOf(file)
    let changed = false
    let odd: unknown
    try {
      changed = editSettings(file, open(file), edit)
    } catch (error) {
      if (error instanceof Failure) throw error
      // where a map is wanted there is something else, of which the stack knows the place
      odd = error
    }
    const list = await readList(session)
    if (odd && !list?.error) throw odd
    if (!list?.error) return { changed, list }
    if (changed) restore(file, before)
    throw await notTaken(session, list.error)
  })
}

/** That nothing can be changed while the stack refuses what the file says. */
export async function notTaken(session: Session, error: string): Promise<Failure> {
  return new Failure('usage', `${await inPlace(session, error)}; nothing was changed`, {
    next: 'mend that, then the same again; hai model ls tells when it is good',
  })
}

/** The models as the server sees them; undefined when what is wrong with them is what shall be mended. */
export async function readList(session: Session): Promise<ModelList | undefined> {
  try {
    return await session.call<ModelList>('model/list', {})
  } catch (error) {
    if (!(error instanceof Failure) || !['invalid', 'unavailable'].includes(error.code ?? '')) throw error
    session.note(error.message)
    return undefined
  }
}

function open(file: string): Document {
  const document = openSettings(file, 'a map with default and backends')
  const backends = document.get('backends')
  if (backends === null) document.delete('backends')
  else if (backends !== undefined && !isMap(backends)) {
    throw new Failure('usage', `${file}: backends: expected a map of names; nothing was changed`)
  }
  return document
}

/** What is written for a backend that is enabled by its name alone. Prices change, so they are left to the operator. */
export interface BackendSettings {
  kind: string
  billing: string
  api_key?: string
  models: Record<string, Record<string, number>>
}

/** Tokens that each may be given. */
const CLAUDE: Record<string, Record<string, number>> = {
  'claude-sonnet-4-5': { context: 200_000 },
  'claude-haiku-4-5': { context: 200_000 },
}

const BACKENDS: Record<string, BackendSettings & { first: string }> = {
  anthropic: {
    kind: 'anthropic',
    billing: 'metered',
    api_key: '$env:ANTHROPIC_API_KEY',
    models: CLAUDE,
    first: 'claude-sonnet-4-5',
  },
  'claude-code': {
    kind: 'claude-code',
    billing: 'subscription',
    // its own choice
    models: { default: {} },
    first: 'default',
  },
}

/** Names that can be enabled without saying more. */
export const KNOWN_BACKENDS = Object.keys(BACKENDS)

/** The settings by which a known backend answers with one model, its own first one when none is named. */
export function settingsOf(backend: string, model?: string): BackendSettings | undefined {
  const known = BACKENDS[backend]
  if (!known) return undefined
  const { first, models, ...rest } = known
  const chosen = model ?? first
  return { ...rest, models: { [chosen]: models[chosen] ?? {} } }
}
