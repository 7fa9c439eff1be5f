import type { Command } from 'commander'
import type { ModelList, ModelTest } from '../../f/hai/core/contract.ts'
import { examples, given, JSON_OPTION } from '../command.ts'
import { Failure } from '../failure.ts'
import { modelTable, testText } from '../model-text.ts'
import type { Session } from '../session.ts'

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
    .argument('[model]', 'BACKEND/MODEL, or the default one')
    .option(...JSON_OPTION)
    .action(session.run((name: string | undefined, { json }: Json) => tryOut(session, name, json)))
  examples(test, 'hai model test', 'hai model test ollama/llama3.1:8b')

  const enable = model
    .command('enable')
    .description('let a backend answer that is there, or was disabled')
    .argument('<backend>', 'its name, or BACKEND/MODEL for one model of it')
    .action(session.run(async (name: string) => (await import('../model-change.ts')).enable(session, name)))
  examples(enable, 'hai model enable anthropic', 'hai model enable claude-code')

  const choose = model
    .command('default')
    .description('let this model answer when nothing else is said')
    .argument('<model>', 'BACKEND/MODEL')
    .action(
      session.run(async (name: string) => (await import('../model-change.ts')).setDefault(session, name)),
    )
  examples(choose, 'hai model default ollama/llama3.1:8b')
  examples(model, 'hai model ls', 'hai model test')
}

async function list(session: Session, json = false): Promise<undefined> {
  const found = await session.call<ModelList>('model/list', {})
  if (json) {
    session.printJson(found)
    return
  }
  session.print(...(await modelTable(found, session)))
  if (found.models.length === 0) session.note('no model is there; start Ollama, or enable a backend')
  if (found.default && found.reason) session.note(`${found.default} answers: ${found.reason}`)
  for (const { backend, how } of found.offers) session.note(`${how} → hai model enable ${backend}`)
  if (found.error) session.note(`${found.error}; what was good before is in force`)
}

async function tryOut(session: Session, name: string | undefined, json = false): Promise<undefined> {
  const [backend, model] = name === undefined ? [] : split(name)
  session.note('asking; a model that must be loaded first takes a while')
  const webhook = await session.webhook()
  const test = await webhook.run<ModelTest>('model/test', given({ backend, model }))
  if (json) session.printJson(test)
  else if (test.ok) session.print(testText(test))
  if (test.ok) return
  throw new Failure('dead', test.error?.message ?? `${test.backend}/${test.model} does not answer`, {
    next: test.error?.next_step ?? 'hai model ls',
  })
}

function split(name: string): [string, string] {
  const [, backend, model] = /^([\w-]+)\/(.+)$/.exec(name) ?? []
  if (backend && model) return [backend, model]
  throw new Failure('usage', `${JSON.stringify(name)} is no model; expected BACKEND/MODEL`, {
    next: 'hai model ls shows them',
  })
}
