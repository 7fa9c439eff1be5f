import { parse as parseYaml } from 'yaml'
import { Failure } from '../cli/failure.ts'
import { readText, tilde } from '../cli/files.ts'
import { KNOWN_BACKENDS, modelsFileOf, settingsOf } from '../cli/model/file.ts'
import { Models } from '../f/hai/core/base/backends.ts'
import { refuseUnfit } from '../f/hai/core/base/config.ts'
import { type WorkerEnvironment, workerEnvironment } from '../f/hai/core/base/environment.ts'
import { HaiError, parse } from '../f/hai/core/base/errors.ts'
import { type Access, accessOf } from '../f/hai/core/model/access.ts'
import type { ClaimedTask } from '../f/hai/core/task/shape.ts'

type Env = Record<string, string | undefined>

/** Whom the worker asks. */
export interface Backend {
  /** The name that `--backend` gave. */
  name: string | undefined
  /** Looked up anew for each task: what a found Ollama has loaded changes. */
  access(task?: Pick<ClaimedTask, 'model'>): Promise<Access>
}

/**
 * The backend that this machine's models.yaml, `--backend` or its surroundings give; naming one is the consent to use it.
 * A Failure when there is none, with what to do.
 */
export async function findBackend(env: Env, wanted: string | undefined): Promise<Backend> {
  const [, name, model] = /^([\w-]+)(?:\/(.+))?$/.exec(wanted ?? '') ?? []
  if (wanted !== undefined && !name)
    throw new Failure('usage', `${JSON.stringify(wanted)} is no backend; expected NAME or NAME/MODEL`)
  const own = readModels(env)
  const { models, asked } = name ? only(name, model, own, env) : { models: own, asked: undefined }
  const around = workerEnvironment()
  const first = await accessOf(models, around, asked)
  if ('offers' in first) throw nothingToAsk(first.offers, around, env)
  const { kind } = first.choice.backend
  if (kind === 'claude-code' && !around.offers.some(({ backend }) => backend === 'claude-code')) {
    throw new Failure('usage', "there is no claude on this machine's PATH", {
      next: 'install Claude Code here, then: claude, and /login',
    })
  }
  const access: Backend['access'] = async ({ model } = {}) => {
    const found = await accessOf(models, workerEnvironment(), asked, { model })
    if ('offers' in found)
      throw new HaiError('unavailable', `no Ollama answers at ${around.ollamaUrl} any more`)
    return asked && !model
      ? { ...found, choice: { ...found.choice, reason: 'what this worker asks' } }
      : found
  }
  return { name, access }
}

/** These models with that backend enabled, and which of its own is meant. */
function only(name: string, model: string | undefined, own: Models, env: Env) {
  const known = settingsOf(name, model)
  const backend =
    own.backends[name] ?? (known && parse(Models, { backends: { [name]: known } }).backends[name])
  if (!backend && name === 'ollama') {
    // wherever it is found, as if nothing were configured
    const { default: _, ...rest } = own
    return { models: { ...rest, backends: {} }, asked: model && `ollama/${model}` }
  }
  const file = tilde(modelsFileOf(env), env)
  if (!backend) {
    const names = [...new Set([...Object.keys(own.backends), 'ollama', ...KNOWN_BACKENDS])].join(', ')
    throw new Failure('usage', `there is no backend ${name} in ${file}; known are ${names}`)
  }
  const [byDefault, ...rest] = (own.default ?? '').split('/')
  const asked = model ?? (byDefault === name ? rest.join('/') : Object.keys(backend.models)[0])
  if (!asked)
    throw new Failure('usage', `${file} names no model of ${name}`, { next: `--backend ${name}/MODEL` })
  const backends = { ...own.backends, [name]: { ...backend, enabled: true } }
  return { models: { ...own, backends }, asked: `${name}/${asked}` }
}

function readModels(env: Env): Models {
  const file = modelsFileOf(env)
  try {
    const given: unknown = parseYaml(readText(file)) ?? {}
    refuseUnfit(given)
    return parse(Models, given)
  } catch (error) {
    if (error instanceof Failure) throw error
    // what follows on further lines is the text itself
    throw new Failure('usage', `${file}: ${(error as Error).message.split('\n')[0]}`)
  }
}

function nothingToAsk(offers: string[], around: WorkerEnvironment, env: Env): Failure {
  const message = `there is no model to ask here: no Ollama answers at ${around.ollamaUrl}, and ${tilde(modelsFileOf(env), env)} names none`
  const next = offers[0]
    ? `hai worker run --backend ${offers[0]} lets ${offers[0]} answer`
    : 'start Ollama here, or: hai model add URL'
  return new Failure('unreachable', message, { next })
}
