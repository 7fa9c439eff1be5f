import { type Backend, type Choice, HOME, type Models, urlOf } from '../base/backends.ts'
import { type ClaimedTask, RESTRICTED } from '../base/contract.ts'
import { shortId } from '../base/ids.ts'
import type { AttemptFailure } from '../task/backend.ts'
import { isHosted } from './ollama.ts'

type Tiered = Pick<ClaimedTask, 'id' | 'data_tier'>

/**
 * Why a task may not ask `choice`, in the words of `fail`; undefined when it may. Every choice of a model passes here,
 * however it was made and wherever its worker is, before anything of the task goes anywhere.
 */
export function withheld(
  { id, data_tier }: Tiered,
  { name, model, backend }: Choice,
): AttemptFailure | undefined {
  if (data_tier !== RESTRICTED || isOfHouse(backend, model)) return undefined
  const why =
    backend.billing === 'local'
      ? `${name}/${model} does not run where billing: local says`
      : `${name} is billing: ${backend.billing}`
  return {
    code: 'no_route',
    message: `the task is restricted, so that only backends with billing: local may see it, and ${why}; nothing was sent`,
    next_step: cure(id),
  }
}

/** What to do for a restricted task that nobody may answer. */
export const cure = (id: string): string =>
  `start Ollama, or give a server of your own billing: local: hai model add URL; then hai task retry ${shortId(id)}`

/** Whether a backend keeps to itself what it is asked: Claude's own servers and what Ollama hands on never do. */
export const isOfHouse = (backend: Backend, model = ''): boolean =>
  backend.billing === 'local' &&
  backend.kind !== 'claude-code' &&
  urlOf(backend) !== HOME.anthropic &&
  !isHosted(model)

/** The same configuration as far as a restricted task may see it. */
export function ofHouse(models: Models): Models {
  const backends = Object.fromEntries(
    Object.entries(models.backends).flatMap(([name, backend]) => {
      const all = Object.entries(backend.models)
      const own = all.filter(([model]) => isOfHouse(backend, model))
      // a backend that only hands on what it is asked is none
      const isOne = isOfHouse(backend) && (own.length > 0 || all.length === 0)
      return isOne ? [[name, { ...backend, models: Object.fromEntries(own) }]] : []
    }),
  )
  const [, name = '', model = ''] = /^([^/]*)\/(.*)$/s.exec(models.default ?? '') ?? []
  const known = models.backends[name]
  const mayAnswer = known ? known.enabled && isOfHouse(known, model) : !isHosted(model)
  const { default: byDefault, ...rest } = models
  return { ...rest, ...(byDefault && mayAnswer ? { default: byDefault } : {}), backends }
}
