import { type Document, isMap, stringify } from 'yaml'
import type { ModelList } from '../../f/hai/core/model/shape.ts'
import { Failure } from '../failure.ts'
import { tilde } from '../files.ts'
import type { Session } from '../session.ts'
import {
  type BackendSettings,
  backendsIn,
  editModels,
  KNOWN_BACKENDS,
  modelsFile,
  notTaken,
  readList,
  settingsOf,
} from './file.ts'

const ON_WINDMILL = 'u/operator/hai_models.resource.yaml'

/** Lets a backend answer, and says who answers by default from then on. */
export async function enable(session: Session, name: string): Promise<undefined> {
  const [, backend = '', model] = /^([\w-]+)(?:\/(.+))?$/.exec(name) ?? []
  if (!backend) {
    // an address is what a server is added by
    const next = /^[\w+.-]+:|[.:/]/.test(name)
      ? `hai model add ${name}`
      : 'hai model ls shows them, as BACKEND/MODEL'
    const message = `${JSON.stringify(name)} is no backend; expected a name such as anthropic`
    throw new Failure('usage', message, { next })
  }
  const settings = settingsOf(backend, model)
  if (!(await session.profile()).local) {
    const known = (await readList(session))?.models.some((row) => row.backend === backend && !row.found)
    if (known) return printForWindmill(session, { backends: { [backend]: { enabled: true } } })
    if (!settings) throw unknown(backend, ON_WINDMILL)
    return printForWindmill(session, { backends: { [backend]: settings } })
  }
  const file = await modelsFile(session)
  const { changed, list } = await editModels(session, (document) =>
    write(document, backend, model, settings, file),
  )
  session.print(`${name} is ${changed ? '' : 'already '}enabled in ${tilde(file, session.io.env)}`)
  sayWhoAnswers(session, file, list, backend)
}

/** Keeps a backend from answering; what else is written of it stays. A default that named it goes, too. */
export async function disable(session: Session, name: string): Promise<undefined> {
  if (!/^[\w-]+$/.test(name)) {
    throw new Failure('usage', `${JSON.stringify(name)} is no backend; expected a name such as anthropic`, {
      next: 'hai model ls shows them, as BACKEND/MODEL',
    })
  }
  if (!(await session.profile()).local)
    return printForWindmill(session, { backends: { [name]: { enabled: false } } })
  const file = await modelsFile(session)
  const known = await readList(session)
  const found = known?.models.find((row) => row.backend === name)
  if (!found && !Object.hasOwn(backendsIn(file), name)) {
    if (known?.error) throw await notTaken(session, known.error)
    throw new Failure('notFound', `there is no backend ${name}; nothing was changed`, {
      next: 'hai model ls shows them',
    })
  }
  let lost: string | undefined
  const { changed, list } = await editModels(session, (document) => {
    const at = ['backends', name]
    // one that was only found has no entry yet, and one without an address is none
    if (found?.found && !isMap(document.getIn(at))) {
      const { kind, url, billing } = found
      document.setIn(at, document.createNode({ kind, url, billing }))
    }
    document.setIn([...at, 'enabled'], false)
    const byDefault = document.get('default')
    if (typeof byDefault !== 'string' || !byDefault.startsWith(`${name}/`)) return
    lost = byDefault
    document.delete('default')
  })
  session.print(`${name} is ${changed ? '' : 'already '}disabled in ${tilde(file, session.io.env)}`)
  if (lost) session.note(`the default was ${lost}, and is none now`)
  session.note(`to undo: hai model enable ${name}`)
  sayWhoAnswers(session, file, list)
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
  const file = await modelsFile(session)
  const { list } = await editModels(session, (document) => void document.set('default', name))
  session.print(`${name} is the default in ${tilde(file, session.io.env)}`)
  sayWhoAnswers(session, file, list)
}

function write(
  document: Document,
  backend: string,
  model: string | undefined,
  settings: BackendSettings | undefined,
  file: string,
): void {
  const at = ['backends', backend]
  const written = document.getIn(at)
  // an Ollama that was found and then disabled is found again without an entry
  if (backend === 'ollama' && isMap(written) && !model && !written.has('models')) document.deleteIn(at)
  else if (isMap(written)) {
    written.delete('enabled')
    const more = model === undefined || document.hasIn([...at, 'models', model])
    if (!more) document.setIn([...at, 'models', model], document.createNode(settings?.models[model] ?? {}))
  } else if (settings) document.setIn(at, document.createNode(settings))
  else throw unknown(backend, file)
}

function unknown(backend: string, where: string): Failure {
  if (backend === 'ollama') {
    return new Failure('usage', 'ollama is used wherever it is found; there is nothing to enable', {
      next: 'start Ollama where the stack runs; one elsewhere: hai model add http://HOST:11434 ollama',
    })
  }
  const known = KNOWN_BACKENDS.join(', ')
  return new Failure('usage', `hai does not know how to reach ${backend}; by name alone it knows ${known}`, {
    next: `hai model add URL ${backend} asks the server and writes what ${where} needs`,
  })
}

async function refuseMissing(session: Session, backend: string, model: string): Promise<void> {
  const known = await readList(session)
  const siblings = known?.models.filter((row) => row.backend === backend)
  if (!siblings || siblings.some((row) => row.model === model)) return
  if (siblings.length === 0) {
    // what is in force then is not what the file says
    if (known?.error) throw await notTaken(session, known.error)
    throw new Failure('notFound', `there is no backend ${backend}; nothing was changed`, {
      next: KNOWN_BACKENDS.includes(backend)
        ? `hai model enable ${backend}`
        : `hai model ls shows them; to let another server answer: hai model add URL ${backend}`,
    })
  }
  const names = siblings.map((row) => row.model).join(', ')
  if (siblings.some((row) => row.found)) {
    throw new Failure('notFound', `${backend} has no model ${model}, only ${names}; nothing was changed`, {
      next: backend === 'ollama' ? `ollama pull ${model}` : 'hai model ls',
    })
  }
  session.note(
    `${backend}/${model} is not among the models that are written down: ${names}; it is asked for all the same`,
  )
}

/** Who answers from now on; and what a backend that was just written lacks to do so, as the stack sees it. */
export function sayWhoAnswers(
  session: Session,
  file: string,
  list: ModelList | undefined,
  written?: string,
): void {
  const rows = list?.models.filter((row) => row.backend === written && row.enabled) ?? []
  const [trouble] = rows.flatMap((row) => row.trouble ?? [])
  if (trouble) {
    // a program and a key are looked for where the stack was started
    const again = trouble.code === 'unreachable' ? 'start that server' : 'mend that, then hai down && hai up'
    session.note(`${written} can't answer yet: ${trouble.text}; ${again}`)
  }
  const unpriced = rows.filter(({ billing, price }) => billing === 'metered' && price?.input === undefined)
  if (unpriced[0]) {
    const names = unpriced.map(({ model }) => model).join(', ')
    const where = `backends.${written}.models in ${tilde(file, session.io.env)}`
    session.note(
      `${names}: no price is known, and what is metered is not asked without one; write input and output (USD per million tokens) under ${where}`,
    )
  }
  if (list?.unusable) session.note(`nothing answers by default: ${list.reason}`)
  else if (list?.default) {
    session.note(`${list.default} answers by default${list.reason ? `: ${list.reason}` : ''}`)
    session.note('another: hai model default BACKEND/MODEL; to try it: hai model test')
  } else if (list) session.note('nothing answers by default; hai model ls shows what there is')
}

export async function printForWindmill(session: Session, value: object): Promise<undefined> {
  const text = stringify({ resource_type: 'c_hai_models', value }).trimEnd()
  session.print(text)
  session.note(`nothing was changed: on a server this belongs into ${ON_WINDMILL} of your own repository;`)
  session.note('put it under what is there, then: wmill sync push')
  for (const [, name] of text.matchAll(/\$env:(\w+)/g))
    session.note(`give ${name} to the workers of the group hai-work, and name it in their WHITELIST_ENVS`)
}
