import { connect } from 'node:net'
import { type Backend, type Choice, type Models, urlOf } from '../base/backends.ts'
import { REFERENCE } from '../base/config.ts'
import type { WorkerEnvironment } from '../base/environment.ts'
import { HaiError, short } from '../base/errors.ts'
import { own } from '../base/own.ts'
import { chooseFrom, findOllama } from './ollama.ts'
import type { ModelRow } from './shape.ts'

/** Tokens: the smallest window of any Claude that is served. */
const CLAUDE_CONTEXT = 200_000

type Named = [name: string, backend: Backend]

/**
 * Who answers: the configured default, else what is free and can be reached (configured or an Ollama that is found), else
 * a subscription, else what is metered; of each kind the first in the file. Undefined when there is nothing to ask.
 * `invalid` when the configured default can't be used: who named one backend is not to be answered by another.
 */
export async function choose(
  models: Models,
  around: WorkerEnvironment,
  reached = reaches,
): Promise<Choice | undefined> {
  if (models.default) return configuredDefault(models.default, models, around)
  const enabled = Object.entries(models.backends).filter(
    ([, { enabled, models }]) => enabled && firstOf(models),
  )
  const able = enabled.filter(([, backend]) => !lack(backend, around))
  const free = await freeChoice(models, around, reached)
  const paid = [...ofKind(able, 'subscription'), ...ofKind(able, 'metered')]
  if (free) return paid[0] ? { ...free, reason: before(free, paid[0]) } : free
  const away = ofKind(able, 'local').filter(([, { external }]) => !external)
  const [first] = [...paid, ...away, ...enabled]
  return first && first === away[0]
    ? choice(first, 'the only one that is enabled, though it can’t be reached now')
    : first && choice(first, away[0] ? instead(away[0]) : firstReason(first, enabled))
}

/** What is free and can be reached: configured, found, or for workers elsewhere to ask; undefined when nothing is. */
export async function freeChoice(
  models: Models,
  around: WorkerEnvironment,
  reached = reaches,
): Promise<Choice | undefined> {
  const local = Object.entries(models.backends).filter(
    ([, backend]) =>
      backend.billing === 'local' && backend.enabled && firstOf(backend.models) && !lack(backend, around),
  )
  for (const [name, backend] of local) {
    const { url } = choice([name, backend], '').backend
    if (!backend.external && (backend.kind === 'claude-code' || (await reached(url))))
      return choice([name, backend], 'free and reachable')
  }
  const found = await foundOllama(models, around, reached)
  if (found) return found
  const elsewhere = local.find(([, { external }]) => external)
  return elsewhere && choice(elsewhere, 'free, asked by a worker elsewhere')
}

/** One that was asked for by name, with its model or without: `not_found` or `invalid` when it can't be asked. */
export async function chooseNamed(
  wanted: string,
  models: Models,
  around: WorkerEnvironment,
): Promise<Choice> {
  const [name, model] = halves(wanted)
  const backend = own(models.backends, name)
  const asked = model || defaultOf(name, models) || firstOf(backend?.models ?? {})
  if (backend?.enabled && asked) return choice([name, backend], 'what was asked for', asked)
  if (name === 'ollama' && !backend) {
    const ollama = await findOllama(around.ollamaUrl)
    const chosen = ollama && (asked ? chooseFrom(ollama, asked) : chooseFrom(ollama))
    if (chosen) return chosen
    const trouble = ollama ? `the Ollama at ${around.ollamaUrl} has no model` : noOllama(around)
    throw new HaiError('unavailable', trouble, { details: { next_step: 'hai model ls' } })
  }
  if (!backend) {
    throw new HaiError('not_found', `there is no backend ${short(name)}`, {
      details: { next_step: `hai model ls; to let a server answer: hai model add URL ${short(name)}` },
    })
  }
  const trouble = backend.enabled ? 'names no models' : 'is not enabled'
  throw new HaiError('invalid', `${name} ${trouble}`, {
    details: { next_step: cureOf(name, backend, around) },
  })
}

/** Why nobody answers though something is configured: a sentence and its cure for each backend, those that can be cured from here first. */
export function idle({ backends }: Models, around: WorkerEnvironment): { text: string; cure: string }[] {
  const all = Object.entries(backends).map(([name, backend]) => {
    const state = backend.enabled ? 'names no models' : 'is not enabled'
    const missing = isMissing(backend, around)
    return {
      text: missing ? `${name} ${state}, and ${missing.text}` : `${name} ${state}`,
      cure: cureOf(name, backend, around),
      missing,
    }
  })
  return [...all.filter(({ missing }) => !missing), ...all.filter(({ missing }) => missing)]
}

function cureOf(name: string, backend: Backend, around: WorkerEnvironment): string {
  // to enable what can't run would lead back to where it is disabled
  if (isMissing(backend, around))
    return `start Ollama, or hai model add URL; or install Claude Code where the worker runs, then hai model enable ${name}`
  const { enabled, url } = backend
  return enabled && url ? `hai model add ${url} ${name}` : `hai model enable ${name}`
}

function isMissing(backend: Backend, around: WorkerEnvironment): ModelRow['trouble'] {
  const trouble = lack(backend, around)
  return trouble?.code === 'missing' ? trouble : undefined
}

/** What a backend lacks where it would be asked; undefined when nothing is known to be missing. */
export function lack(backend: Backend, around: WorkerEnvironment): ModelRow['trouble'] {
  // what another machine has is seen there
  if (backend.external) return undefined
  if (backend.kind === 'claude-code' && !around.has('claude'))
    return { code: 'missing', text: 'claude is not on the PATH of the stack' }
  const [, variable] = REFERENCE.exec(backend.api_key ?? '') ?? []
  if (variable && !around.environment[variable])
    return { code: 'no_key', text: `${variable} is empty in the environment of the stack` }
  return undefined
}

async function configuredDefault(wanted: string, models: Models, around: WorkerEnvironment): Promise<Choice> {
  const [name, model] = halves(wanted)
  const backend = own(models.backends, name)
  if (backend?.enabled) return choice([name, backend], 'the configured default', model)
  if (name === 'ollama' && !backend) {
    const ollama = await findOllama(around.ollamaUrl)
    if (ollama) return chooseFrom(ollama, model)
    throw new HaiError('unavailable', `the default is ollama/${model}, but ${noOllama(around)}`)
  }
  const trouble = backend ? `${name} is not enabled` : `there is no backend ${name}`
  const next_step = backend ? cureOf(name, backend, around) : 'hai model default BACKEND/MODEL'
  throw new HaiError(
    'invalid',
    `models configuration: the default is ${wanted}, but ${trouble}; enable it or name another default`,
    { details: { next_step: `${next_step}; hai model ls shows what there is` } },
  )
}

async function foundOllama(
  { backends }: Models,
  around: WorkerEnvironment,
  reached: typeof reaches,
): Promise<Choice | undefined> {
  // configured under this name it has been looked at, or is not to answer
  if (backends.ollama && (!backends.ollama.enabled || firstOf(backends.ollama.models))) return undefined
  if (!(await reached(around.ollamaUrl))) return undefined
  const ollama = await findOllama(around.ollamaUrl)
  return ollama && chooseFrom(ollama)
}

const noOllama = ({ ollamaUrl }: WorkerEnvironment) => `no Ollama answers at ${ollamaUrl}`

function halves(name: string): [backend: string, model: string] {
  const [backend = '', ...rest] = name.split('/')
  return [backend, rest.join('/')]
}

const ofKind = (backends: Named[], billing: Backend['billing']) =>
  backends.filter(([, backend]) => backend.billing === billing)

const firstOf = (models: Backend['models']): string | undefined => Object.keys(models)[0]

function defaultOf(name: string, models: Models): string | undefined {
  const [backend, model] = halves(models.default ?? '')
  return backend === name ? model : undefined
}

const before = ({ reason }: Choice, [name, { billing }]: Named): string =>
  reason.startsWith('free')
    ? `${reason}, so before ${name} (${billing})`
    : `${reason}; free and reachable, so before ${name} (${billing})`

const instead = ([name, { url }]: Named): string => `${name} is free, but can’t be reached at ${url}`

function firstReason(chosen: Named, enabled: Named[]): string {
  if (chosen === enabled[0]) return 'the first enabled backend'
  const [, { billing }] = chosen
  return billing === 'subscription'
    ? 'a subscription comes before what is metered'
    : 'the first that can answer'
}

/** This backend, its first model where none is wanted. */
export function choice([name, backend]: Named, reason: string, wanted?: string): Choice {
  const { kind } = backend
  const model = wanted ?? firstOf(backend.models) ?? ''
  const url = urlOf(backend)
  const context =
    own(backend.models, model)?.context ?? (kind === 'openai-compatible' ? undefined : CLAUDE_CONTEXT)
  return { name, backend: { ...backend, url }, model, context, reason }
}

/** A server that takes no connection within this is taken to be away: what is free stands in the same house. */
const CONNECT_MS = 1000
/** How long an answer is believed, in milliseconds: a burst of tasks asks once, a server that comes up is soon seen. */
const BELIEVED_MS = { yes: 5000, no: 1000 }

const known = new Map<string, { until: number; answer: Promise<boolean> }>()

/**
 * Whether something takes connections where `url` points. No request is made, as a server that is busy with an answer
 * may be slow with the next one; what it would say is for the call to find out. Believed for a few seconds.
 */
async function reaches(url: string): Promise<boolean> {
  const { host } = new URL(url)
  const believed = known.get(host)
  if (believed && believed.until > Date.now()) return believed.answer
  // whoever asks meanwhile waits for the same answer
  const answer = connects(url)
  known.set(host, { until: Date.now() + CONNECT_MS, answer })
  const yes = await answer
  known.set(host, { until: Date.now() + (yes ? BELIEVED_MS.yes : BELIEVED_MS.no), answer })
  return yes
}

/** The same, asked anew: for whoever looks just after a change. */
export function connects(url: string): Promise<boolean> {
  const { protocol, hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port) || (protocol === 'https:' ? 443 : 80),
    })
    const end = (answer: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answer)
    }
    const timer = setTimeout(() => end(false), CONNECT_MS)
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}
