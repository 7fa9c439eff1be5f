import { type Command, Option } from 'commander'
import type { ModelList, ModelTest } from '../../f/hai/core/model/shape.ts'
import { collect, examples, given, JSON_OPTION } from '../command.ts'
import { Failure, outcomeOf } from '../failure.ts'
import type { AddFlags } from '../model/add.ts'
import type { Session } from '../session.ts'
import { environmentNotes } from '../settings/local.ts'
import { inPlace } from '../settings/notes.ts'
import { modelTable, testText } from '../show/model.ts'

/** What has ended by then needed no word about waiting. */
const SOON_MS = 1000

interface Json {
  json?: boolean
}

/** `hai model …`: who answers what needs a model. */
export function addModel(program: Command, session: Session): void {
  const model = program.command('model').description('choose which model answers').helpCommand(false)

  const ls = model
    .command('ls')
    .description('list models; * answers by default')
    .option(...JSON_OPTION)
    .action(session.run(({ json }: Json) => list(session, json)))
  examples(ls, 'hai model ls')

  const test = model
    .command('test')
    .description('ask a model something small and time it')
    .argument('[model]', 'BACKEND/MODEL, or BACKEND for its first one; the default one when not given')
    .option(...JSON_OPTION)
    .action(session.run((name: string | undefined, { json }: Json) => tryOut(session, name, json)))
  examples(test, 'hai model test', 'hai model test ollama/llama3.1:8b')

  const add = model
    .command('add')
    .description('let a server answer that speaks as OpenAI does; it is asked for its models')
    .argument('<url>', 'its address, with /v1 or without')
    .argument('[name]', 'what to call it; one is made of its address when not given')
    .option('--model <name>', 'only this one of its models; may be repeated', collect)
    .option('--key-env <name>', 'the variable of the environment that holds its key; never the key itself')
    .addOption(
      new Option(
        '--billing <kind>',
        'how its answers are paid for; by its address when not given: in the house local, else metered',
      ).choices(['local', 'metered', 'subscription']),
    )
    .action(
      session.run(async (url: string, name: string | undefined, flags: AddFlags) =>
        (await import('../model/add.ts')).add(session, url, name, flags),
      ),
    )
  examples(
    add,
    'hai model add http://127.0.0.1:8080',
    'hai model add http://nas:8000/v1 vllm',
    'hai model add https://openrouter.ai/api/v1 --key-env OPENROUTER_API_KEY --model qwen/qwen3-32b',
  )

  const enable = model
    .command('enable')
    .description('let a backend answer that is there, or was disabled')
    .argument('<backend>', 'its name, or BACKEND/MODEL for one model of it')
    .action(session.run(async (name: string) => (await import('../model/change.ts')).enable(session, name)))
  examples(enable, 'hai model enable anthropic', 'hai model enable claude-code')

  const disable = model
    .command('disable')
    .description('keep a backend from answering')
    .argument('<backend>', 'its name')
    .action(session.run(async (name: string) => (await import('../model/change.ts')).disable(session, name)))
  examples(disable, 'hai model disable anthropic')

  const choose = model
    .command('default')
    .description('let this model answer when nothing else is said')
    .argument('<model>', 'BACKEND/MODEL')
    .action(
      session.run(async (name: string) => (await import('../model/change.ts')).setDefault(session, name)),
    )
  examples(choose, 'hai model default ollama/llama3.1:8b')
  examples(model, 'hai model ls', 'hai model add http://127.0.0.1:8080', 'hai model test')
}

async function list(session: Session, json = false): Promise<undefined> {
  const found = await session.call<ModelList>('model/list', {})
  if (json) {
    session.printJson(found)
    return
  }
  session.print(...(await modelTable(found, session)))
  if (found.for === 'member') {
    if (found.default === null) session.note('nothing answers by default; ask the operator for a model')
    return
  }
  if (found.models.length === 0) session.note('no model is there; start Ollama, or: hai model add URL')
  if (found.default && found.reason)
    session.note(`${found.unusable ? 'nothing' : found.default} answers: ${found.reason}`)
  else if (!found.default && found.models.length > 0)
    session.note('nothing answers by default; to let one: hai model add URL, or hai model enable BACKEND')
  for (const { backend, how } of found.offers) session.note(`${how} → hai model enable ${backend}`)
  if (found.error) session.warn(await inPlace(session, found.error))
  await sayWhatDiffers(session)
}

async function tryOut(session: Session, name: string | undefined, json = false): Promise<undefined> {
  const [backend, model] = name === undefined ? [] : split(name)
  const webhook = await session.webhook()
  // said of one that takes its time, and not of one that is not there
  const patience = setTimeout(
    () => session.note('asking; a model that must be loaded first takes a while'),
    SOON_MS,
  )
  const stop = new AbortController()
  const off = session.io.onInterrupt((signal) =>
    stop.abort(new Failure(outcomeOf(signal), 'interrupted; the test was stopped')),
  )
  const test = await webhook
    .run<ModelTest>('model/test', given({ backend, model }), stop.signal)
    .finally(() => {
      clearTimeout(patience)
      off()
    })
    .catch(async (error: unknown) => {
      if (!stop.signal.aborted) await sayWhatDiffers(session)
      throw error
    })
  if (json) session.printJson(test)
  else if (test.ok) session.print(testText(test))
  for (const notice of test.notices ?? []) session.note(notice)
  if (test.ok) return
  await sayWhatDiffers(session)
  throw new Failure(
    test.error?.code === 'busy' ? 'unreachable' : 'dead',
    test.error?.message ?? `${test.backend}/${test.model} does not answer`,
    {
      next: test.error?.next_step ?? 'hai model ls',
    },
  )
}

/** A model that isn't there may be one that only this shell knows the way to. */
async function sayWhatDiffers(session: Session): Promise<void> {
  for (const line of await environmentNotes(session)) session.warn(line)
}

function split(name: string): [string, string | undefined] {
  const [, backend, model] = /^([\w-]+)(?:\/(.+))?$/.exec(name) ?? []
  if (backend) return [backend, model]
  throw new Failure('usage', `${JSON.stringify(name)} is no model; expected BACKEND or BACKEND/MODEL`, {
    next: 'hai model ls shows them',
  })
}
