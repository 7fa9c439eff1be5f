import { type Document, isMap, stringify } from 'yaml'
import type { ModelList } from '../f/hai/core/contract.ts'
import { type BackendSettings, KNOWN_BACKENDS, settingsOf } from './backend-defaults.ts'
import { Failure } from './failure.ts'
import { editModels, modelsFileOf } from './models-file.ts'
import { tilde } from './paths.ts'
import type { Session } from './session.ts'

const ON_WINDMILL = 'u/operator/hai_models.resource.yaml'

/** Lets a backend answer, and says who answers by default from then on. */
export async function enable(session: Session, name: string): Promise<undefined> {
  const [, backend = '', model] = /^([\w-]+)(?:\/(.+))?$/.exec(name) ?? []
  if (!backend)
    throw new Failure('usage', `${JSON.stringify(name)} is no backend; expected a name such as anthropic`)
  const settings = settingsOf(backend, model)
  if (!(await session.profile()).local) {
    if (!settings) throw unknown(backend, ON_WINDMILL)
    return printForWindmill(session, { backends: { [backend]: onWindmill(backend, settings) } })
  }
  const { env } = session.io
  editModels(env, (document) => write(document, backend, model, settings, modelsFileOf(env)))
  session.print(`${name} is enabled in ${tilde(modelsFileOf(env), env)}`)
  const [, variable] = /^\$env:(.+)$/.exec(settings?.api_key ?? '') ?? []
  if (variable && !env[variable]) {
    session.note(`${variable} is not set here; the stack reads it: set it, then hai down && hai up`)
  }
  await sayWhoAnswers(session)
}

/** Lets one model answer when nothing else is said. One that is known not to be there is refused. */
export async function setDefault(session: Session, name: string): Promise<undefined> {
  const [, backend, model] = /^([\w-]+)\/(.+)$/.exec(name) ?? []
  if (!backend || !model) {
    throw new Failure('usage', `${JSON.stringify(name)} is no model; expected BACKEND/MODEL`, {
      next: 'hai model ls shows them',
    })
  }
  await refuseMissing(session, backend, model)
  if (!(await session.profile()).local) return printForWindmill(session, { default: name })
  const { env } = session.io
  editModels(env, (document) => document.set('default', name))
  session.print(`${name} is the default in ${tilde(modelsFileOf(env), env)}`)
  await sayWhoAnswers(session)
}

function write(
  document: Document,
  backend: string,
  model: string | undefined,
  settings: BackendSettings | undefined,
  file: string,
): void {
  const at = ['backends', backend]
  if (isMap(document.getIn(at))) {
    document.deleteIn([...at, 'enabled'])
    const more = model === undefined || document.hasIn([...at, 'models', model])
    if (!more) document.setIn([...at, 'models', model], document.createNode(settings?.models[model] ?? {}))
  } else if (settings) document.setIn(at, document.createNode(settings))
  else throw unknown(backend, file)
}

function unknown(backend: string, where: string): Failure {
  if (backend === 'ollama') {
    return new Failure('usage', 'ollama is used wherever it is found; there is nothing to enable', {
      next: 'ollama serve; elsewhere than here: set OLLAMA_HOST, then hai down',
    })
  }
  const known = KNOWN_BACKENDS.join(', ')
  return new Failure('usage', `hai does not know how to reach ${backend}; by name alone it knows ${known}`, {
    next: `write its kind, url, billing and models under backends.${backend} in ${where}`,
  })
}

async function refuseMissing(session: Session, backend: string, model: string): Promise<void> {
  const known = await readList(session)
  const siblings = known?.models.filter((row) => row.backend === backend)
  if (!siblings || siblings.some((row) => row.model === model)) return
  if (siblings.length === 0) {
    throw new Failure('notFound', `there is no backend ${backend}; nothing was changed`, {
      next: `hai model ls; to let it answer: hai model enable ${backend}`,
    })
  }
  const names = siblings.map((row) => row.model).join(', ')
  if (siblings.some((row) => row.found)) {
    throw new Failure('notFound', `${backend} has no model ${model}, only ${names}; nothing was changed`, {
      next: backend === 'ollama' ? `ollama pull ${model}` : 'hai model ls',
    })
  }
  session.note(`the price of ${backend}/${model} is not known, only those of ${names}`)
}

/** The models as the server sees them; undefined when what is wrong with them is what shall be mended. */
async function readList(session: Session): Promise<ModelList | undefined> {
  try {
    return await session.call<ModelList>('model/list', {})
  } catch (error) {
    if (!(error instanceof Failure) || !['invalid', 'unavailable'].includes(error.code ?? '')) throw error
    session.note(error.message)
    return undefined
  }
}

async function sayWhoAnswers(session: Session): Promise<undefined> {
  const list = await readList(session)
  if (list?.error) session.note(list.error)
  else if (list?.default) {
    session.note(`${list.default} answers by default${list.reason ? `: ${list.reason}` : ''}`)
    session.note('another: hai model default BACKEND/MODEL; to try it: hai model test')
  }
}

/** On Windmill a key is a variable of the workspace, as workers there share no environment with anybody. */
function onWindmill(backend: string, settings: BackendSettings): BackendSettings {
  return settings.api_key ? { ...settings, api_key: `$var:u/operator/${backend}_api_key` } : settings
}

async function printForWindmill(session: Session, value: object): Promise<undefined> {
  session.print(stringify({ resource_type: 'c_hai_models', value }).trimEnd())
  session.note(`nothing was changed: on a server this belongs into ${ON_WINDMILL} of your own repository;`)
  session.note('put it under what is there, then: wmill sync push')
}
