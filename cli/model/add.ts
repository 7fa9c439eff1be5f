import { Document, isMap, isNode, isScalar, isSeq, type Node, type YAMLMap } from 'yaml'
import { isInTheHouse, isThisMachine } from '../call/house-address.ts'
import { Failure } from '../failure.ts'
import { tilde } from '../files.ts'
import type { Session } from '../session.ts'
import { printForWindmill, sayWhoAnswers } from './change.ts'
import { backendsIn, editModels, KNOWN_BACKENDS, modelsFile } from './file.ts'
import { addressOf, askServer, type ModelServer, type OfferedModel } from './server.ts'

export interface AddFlags {
  model?: string[]
  keyEnv?: string
  billing?: string
}

/** Of a server with more models than this the wanted ones are to be named. */
const MANY = 20

/** What is to be written for one backend. */
interface Entry {
  kind: 'openai-compatible'
  url: string
  billing: string
  api_key?: string
  models: OfferedModel[]
}

/** Asks a server for its models and lets it answer; writes nothing unless it found one. */
export async function add(
  session: Session,
  given: string,
  wanted: string | undefined,
  flags: AddFlags,
): Promise<undefined> {
  const address = addressOf(swapped(given, wanted))
  const key = keyOf(flags.keyEnv, session.io.env)
  refuseName(wanted, address)
  const { local } = await session.profile()
  const server = await askServer(address, key)
  const file = await modelsFile(session)
  const before = local ? backendsIn(file) : {}
  const name = wanted ?? nameFor(server, before)
  const known = before[name]
  const models = chosen(server, flags.model, Object.keys(known?.models ?? {}))
  const inHouse = await isInTheHouse(new URL(server.url))
  const entry: Entry = {
    kind: 'openai-compatible',
    url: server.url,
    billing: flags.billing ?? (inHouse ? 'local' : 'metered'),
    ...(key ? { api_key: `$env:${key.variable}` } : {}),
    models,
  }
  const billing = local && !flags.billing && known?.billing ? known.billing : entry.billing
  const paid = billingText(billing, inHouse, flags.billing !== undefined || billing !== entry.billing)
  if (!local) {
    const shown = new Document({})
    write(shown, name, entry, flags)
    await printForWindmill(session, shown.toJS() as object)
    if (isThisMachine(address))
      session.note(`${address.host} was asked from here; on the server it is another machine`)
    session.note(paid)
  } else {
    let lines: string[] = []
    const { changed, list } = await editModels(session, (document) => {
      write(document, name, entry, flags)
      lines = linesOf(document, name)
    })
    session.print(...lines)
    const shown = tilde(file, session.io.env)
    session.note(changed ? `written to ${shown}` : `${shown} says so already; nothing was changed`)
    session.note(paid)
    sayWhoAnswers(session, file, list, name)
  }
}

/** Whoever writes NAME before URL gets the command that was meant. */
function swapped(given: string, wanted: string | undefined): string {
  if (!wanted || !/^[\w-]+$/.test(given) || !/[:/.]/.test(wanted)) return given
  throw new Failure('usage', 'the address comes first, then the name', {
    next: `hai model add ${wanted} ${given}`,
  })
}

/** The key of the variable that was named. What is no name of one may be the key itself, and is not shown. */
function keyOf(variable: string | undefined, env: Record<string, string | undefined>) {
  if (variable === undefined) return undefined
  if (!/^[A-Z][A-Z0-9_]*$/.test(variable)) {
    throw new Failure(
      'usage',
      '--key-env takes the NAME of a variable, in capitals, and never the key itself',
      {
        next: 'put the key into a variable of the environment, then: hai model add URL --key-env NAME',
      },
    )
  }
  const value = env[variable]?.trim()
  if (value) return { variable, value }
  throw new Failure('usage', `${variable} is empty here; nothing was asked`, {
    next: `set ${variable}, then the same again`,
  })
}

function refuseName(wanted: string | undefined, { hostname }: URL): void {
  if (/(^|\.)anthropic\.com$/.test(hostname)) {
    throw new Failure('usage', 'Claude needs no address', { next: 'hai model enable anthropic' })
  }
  if (wanted === undefined) return
  if (!/^[\w-]+$/.test(wanted)) {
    const said = JSON.stringify(wanted)
    throw new Failure('usage', `${said} is no name of a backend; use letters, digits, - and _`)
  }
  if (KNOWN_BACKENDS.includes(wanted))
    throw new Failure('usage', `${wanted} is the name of Claude's own; choose another for this server`)
}

/** The name that the address has already, else its program's, else its host's; one that is taken gets a number. */
function nameFor({ url, program }: ModelServer, backends: ReturnType<typeof backendsIn>): string {
  const [same] = Object.entries(backends).find(([, backend]) => isSame(backend.url, url)) ?? []
  if (same) return same
  const address = new URL(url)
  const labels = address.hostname.split('.')
  const plain = labels.length > 1 && /^[a-z]/i.test(labels.at(-1)!) ? labels.at(-2)! : labels[0]!
  const host = /^[\d[]/.test(address.hostname) || isThisMachine(address) ? undefined : plain
  const wanted = (host ?? program ?? 'local').replace(/[^\w-]/g, '-')
  const free = (name: string) => !Object.hasOwn(backends, name) && !KNOWN_BACKENDS.includes(name)
  if (free(wanted)) return wanted
  for (let number = 2; ; number += 1) if (free(`${wanted}-${number}`)) return `${wanted}-${number}`
}

/** The models to write: those that were named, else all that can be asked, else those that the file has already. */
function chosen({ url, models }: ModelServer, wanted: string[] | undefined, known: string[]): OfferedModel[] {
  if (wanted) return [...new Set(wanted)].map((name) => offered(url, models, name))
  const able = models.filter(({ answers }) => answers)
  if (able.length === 0) {
    const what = models.length === 0 ? 'has no model' : `has no model to ask, only ${some(models)}`
    throw new Failure('notFound', `${url} ${what}; nothing was written`, {
      next: 'load or pull one there, then the same again; or name one: hai model add URL --model NAME',
    })
  }
  if (able.length <= MANY) return able
  const again = able.filter(({ name }) => known.includes(name))
  if (again.length > 0) return again
  throw new Failure('usage', `${url} has ${able.length} models, such as ${some(able)}; nothing was written`, {
    next: 'name those that are wanted: hai model add URL --model NAME, as often as there are',
  })
}

function offered(url: string, models: OfferedModel[], name: string): OfferedModel {
  const found = models.find((model) => model.name === name) ?? models.find((m) => m.name === `${name}:latest`)
  if (found) return found
  const near = models.filter((model) => model.name.toLowerCase().includes(name.toLowerCase()))
  throw new Failure(
    'notFound',
    `${url} has no model ${JSON.stringify(name)}; it has ${some(near.length > 0 ? near : models)}; nothing was written`,
    { next: 'hai model add URL --model NAME, with one of its names' },
  )
}

function some(models: OfferedModel[]): string {
  const names = models.slice(0, 5).map(({ name }) => name)
  const more = models.length > names.length ? ` and ${models.length - names.length} more` : ''
  return names.length === 0 ? 'none' : `${names.join(', ')}${more}`
}

/** Lays an entry over what the file has of this backend: what the operator wrote of a model stays. */
function write(document: Document, name: string, entry: Entry, { billing, keyEnv }: AddFlags): void {
  const at = ['backends', name]
  const old = document.getIn(at)
  if (!isMap(old)) {
    const { models, ...rest } = entry
    document.setIn(at, document.createNode(rest))
    const backends = document.get('backends')
    if (isMap(backends)) backends.flow = false
    document.setIn([...at, 'models'], document.createNode({}))
    for (const model of models) setModel(document, at, model)
    return
  }
  if (old.has('kind') && old.get('kind') !== entry.kind) {
    throw new Failure('usage', `${name} is of kind ${old.get('kind')} already; nothing was changed`, {
      next: 'hai model add URL NAME, with another name',
    })
  }
  if (!isSame(old.get('url'), entry.url)) old.set('url', entry.url)
  if (!old.has('kind')) old.set('kind', entry.kind)
  if (billing || !old.has('billing')) old.set('billing', entry.billing)
  if (keyEnv) old.set('api_key', entry.api_key)
  old.delete('enabled')
  spellOut(document, old)
  for (const model of entry.models) setModel(document, at, model)
}

/** Models that were written as a list, or with nothing after their names, as what they mean. */
function spellOut(document: Document, backend: YAMLMap): void {
  const models = backend.get('models', true)
  const names = isSeq(models) ? models.items : isScalar(models) && models.value !== null ? [models] : []
  if (isMap(models)) return
  const spelled = names.map((name) => [String(isScalar(name) ? name.value : name), {}])
  const map = document.createNode(Object.fromEntries(spelled))
  keepComments(models, map)
  backend.set('models', map)
}

/** What stood beside a node, or below one with nothing in it, belongs to the reader and not to the node. */
function keepComments(from: unknown, to: Node): void {
  if (!isNode(from)) return
  if (from.commentBefore) to.commentBefore = from.commentBefore
  if (from.comment) to.comment = from.comment
}

function setModel(document: Document, at: string[], { name, context, price }: OfferedModel): void {
  const path = [...at, 'models', name]
  const old = document.getIn(path)
  if (!isMap(old)) {
    const settings = document.createNode({ ...(context ? { context } : {}), ...price }) as YAMLMap
    settings.flow = true
    keepComments(document.getIn(path, true), settings)
    document.setIn(path, settings)
    return
  }
  // less than the server has may be meant; more than it has would be refused
  const written = Number(old.get('context') ?? Number.POSITIVE_INFINITY)
  if (context && written > context) old.set('context', context)
}

/** The lines of the file that concern one backend. */
function linesOf(document: Document, name: string): string[] {
  const shown = new Document({ backends: {} })
  shown.setIn(['backends', name], document.getIn(['backends', name]))
  return String(shown).trimEnd().split('\n')
}

function isSame(one: unknown, other: string): boolean {
  const plain = (url: string) => url.replace(/\/+$/, '').replace(/\/v1$/, '')
  return typeof one === 'string' && plain(one) === plain(other)
}

function billingText(billing: string, inHouse: boolean, said: boolean): string {
  if (said) return `billing: ${billing}`
  return inHouse
    ? 'billing: local, as the address is in this house: its answers count as free; if it hands on to one who charges: --billing metered'
    : 'billing: metered, as the address is not in this house: its answers count against the caps; if they cost nothing: --billing local'
}
