import { type Choice, HOME, type Models } from '../base/backends.ts'
import type { WorkerEnvironment } from '../base/environment.ts'
import { HaiError, short } from '../base/errors.ts'
import type { AttemptFailure } from '../task/backend.ts'
import { chooseNamed } from './choose.ts'
import { findOllama } from './ollama.ts'

const TOLD = 8

/**
 * Who answers a task that names its model: `backend/model`, a backend, or a model's name where no other model bears it, a
 * tag left out or not. `invalid` when there is none like that or several are, with what there is; `unavailable` when the
 * server that would know it does not answer.
 */
export async function chooseByName(
  wanted: string,
  models: Models,
  around: WorkerEnvironment,
): Promise<Choice> {
  const configured = Object.entries(models.backends).flatMap(([name, { enabled, models }]) =>
    Object.keys(models).map((model) => ({ name: `${name}/${model}`, model, enabled })),
  )
  const backend = Object.hasOwn(models.backends, wanted) || wanted === 'ollama'
  if (backend || configured.some(({ name }) => name === wanted)) return chooseNamed(wanted, models, around)
  const usable = configured.filter(({ enabled }) => enabled)
  const { all, unknown } = await withFound(usable, models, around)
  const [match, ...others] = matching(wanted, all)
  if (match && others.length === 0) return chooseNamed(match.name, models, around)
  if (match) {
    const names = [match, ...others].map(({ name }) => name).join(', ')
    throw refusal(`model: ${short(wanted)} is the name of several: ${names}`, 'model: several have this name')
  }
  const known = all.map(({ name }) => name)
  const more = known.length > TOLD ? ` and ${known.length - TOLD} more` : ''
  const there = known.length > 0 ? `there are: ${known.slice(0, TOLD).join(', ')}${more}` : 'there is none'
  const [maker = ''] = wanted.split('/')
  if (Object.hasOwn(HOME, maker) && !Object.hasOwn(models.backends, maker)) {
    const next_step = `hai model enable ${maker}; hai model ls shows what there is`
    throw refusal(`model: ${maker} is not enabled; ${there}`, `model: ${maker} is not enabled`, next_step)
  }
  // what is said to be another backend's is none of an Ollama's
  if (unknown && (maker === 'ollama' || !Object.hasOwn(models.backends, maker))) {
    throw new HaiError(
      'unavailable',
      `model: no model is called ${short(wanted)}, and no Ollama answers that may have it; ${there}`,
      {
        plain: 'model: no Ollama answers that may have it',
        details: { next_step: 'start Ollama; hai model ls shows what there is' },
      },
    )
  }
  throw refusal(
    `model: no model is called ${short(wanted)}; ${there}`,
    'model: there is no model of this name',
  )
}

interface Named {
  name: string
  model: string
}

/** With those of an Ollama that nobody has configured; `unknown` when it does not tell. */
async function withFound(usable: Named[], { backends }: Models, around: WorkerEnvironment) {
  const { ollama: own } = backends
  if (own && (!own.enabled || Object.keys(own.models).length > 0)) return { all: usable, unknown: false }
  const ollama = await findOllama(around.ollamaUrl)
  const found = (ollama?.models ?? []).map(({ name }) => ({ name: `ollama/${name}`, model: name }))
  return { all: [...usable, ...found], unknown: !ollama }
}

/** The nearest kind of match only: a whole name comes before one whose tag was left out. */
function matching(wanted: string, all: Named[]): Named[] {
  const kinds: ((named: Named) => boolean)[] = [
    ({ name }) => name === wanted,
    ({ model }) => model === wanted,
    ({ name, model }) => [`${wanted}:latest`].some((full) => full === name || full === model),
    ({ name, model }) => name.startsWith(`${wanted}:`) || model.startsWith(`${wanted}:`),
  ]
  for (const kind of kinds) {
    const found = all.filter(kind)
    if (found.length > 0) return found
  }
  return []
}

const refusal = (message: string, plain: string, next_step = 'hai model ls shows what there is') =>
  new HaiError('invalid', message, { plain, details: { next_step } })

/** How a task ends, or waits, that no model can be found for by the name it gives. */
export function failureOfName(error: unknown): AttemptFailure & { code: string } {
  if (!(error instanceof HaiError)) throw error
  const { next_step } = error.details ?? {}
  const waits = error.code === 'unavailable'
  return {
    code: waits ? 'unreachable' : 'no_route',
    message: error.message,
    retryable: waits,
    ...(waits ? { uses_attempt: false } : {}),
    ...(typeof next_step === 'string' ? { next_step } : {}),
  }
}
