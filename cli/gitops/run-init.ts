import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import {
  type Addition,
  type Answers,
  type InitOptions,
  lineFor,
  type Plan,
  placesOf,
  planInit,
  type Question,
  refuseOthers,
  settled,
  synthInto,
} from './init.ts'
import type { Setting } from './settings.ts'

/** Where hai puts something, or expects it; with the defaults of cdk8s/config/. */
const NAMESPACES = {
  'windmill.namespace': 'home',
  'database.namespace': 'databases',
  'dashboard.namespace': 'observability',
  'gateway.namespace': 'network',
}

export interface RunOptions extends InitOptions {
  yes?: boolean
  force?: boolean
  addLine?: boolean
}

/** Looks, asks, writes the settings, has the manifests made; the exit status is that of making them. */
export async function runInit(session: Session, repository: string, options: RunOptions): Promise<number> {
  const folder = resolve(session.io.cwd, repository)
  const plan = planInit(folder, options)
  refuseOthers(plan, options.force === true)
  tellFound(session, plan)
  const asks = options.yes !== true && (await session.onTerminal())
  if (!asks && !options.yes) {
    throw new Failure(
      'usage',
      `nobody is here to ask: ${plan.questions.map(({ field }) => field).join(', ')}`,
      {
        next: `hai gitops init ${repository} --yes takes what was found; --help names the options`,
      },
    )
  }
  const answers = asks ? await ask(session, plan.questions) : taken(session, plan.questions)
  const settings = settled(plan, options, answers)
  const status = await synthInto(folder, settings, (line) => session.print(line))
  if (status !== 0) {
    session.note('no settings are written: mend what is named, or say it otherwise by an option or an answer')
    return status
  }
  await addLine(session, { folder, settings, asks, options })
  tellSpaces(session, plan, settings)
  return 0
}

function tellFound(session: Session, { look, repository }: Plan): void {
  const { green, yellow } = session.paint
  session.print(`found in ${repository.folder}:`)
  for (const { field, value, from } of look.seen) {
    session.print(
      `${green('✓')} ${field}: ${typeof value === 'string' ? value : JSON.stringify(value)} (${from})`,
    )
  }
  for (const { name, namespace, file } of look.gateways) {
    session.print(`${green('✓')} Gateway ${namespace}/${name} (${file})`)
  }
  for (const line of look.skipped) session.print(`${yellow('–')} passed over: ${line}`)
  for (const { what, so } of look.unseen) session.print(`${yellow('–')} not found: ${what}; ${so}`)
}

function taken(session: Session, questions: readonly Question[]): Answers {
  const answers: Answers = {}
  for (const { field, fallback, message, when } of questions) {
    if (when && !when(answers)) continue
    session.print(`${session.paint.yellow('–')} taken unasked: ${field}: ${fallback}; ${message}`)
    answers[field] = fallback
  }
  return answers
}

async function ask(session: Session, questions: readonly Question[]): Promise<Answers> {
  const { confirm, isCancel, select, text } = await import('@clack/prompts')
  const streams = { input: session.io.stdin, output: session.io.stderr }
  const answers: Answers = {}
  for (const { field, message, fallback, choices, when } of questions) {
    if (when && !when(answers)) continue
    const answer =
      typeof fallback === 'boolean'
        ? await confirm({ message, initialValue: fallback, ...streams })
        : choices
          ? await select({
              message,
              initialValue: fallback,
              options: choices.map((value) => ({ value, label: value })),
              ...streams,
            })
          : await text({ message, placeholder: fallback, defaultValue: fallback, ...streams })
    if (isCancel(answer)) throw new Failure('interrupted', 'nothing was written')
    answers[field] = typeof answer === 'string' && answer.trim() === '' ? fallback : answer
  }
  return answers
}

interface Adding {
  folder: string
  settings: readonly Setting[]
  asks: boolean
  options: RunOptions
}

/** The one line in a file of the operator's: with consent it is added, else it is shown. */
async function addLine(session: Session, { folder, settings, asks, options }: Adding): Promise<void> {
  const addition = lineFor(folder, settings)
  if (!addition) {
    session.note(`${placesOf(settings).list} has the line already`)
    return
  }
  const agreed = options.addLine ?? (asks && addition.files.length > 0 && (await consent(session, addition)))
  if (!agreed || addition.files.length === 0) {
    session.note(`yours to add, in ${addition.file}: ${addition.line.trim()}`)
    return
  }
  for (const [file, text] of addition.files) {
    // a file that appears here was not looked at: it is the operator's
    if (file !== addition.file && existsSync(join(folder, file))) continue
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
    session.print(`written  ${join(folder, file)}`)
  }
}

async function consent(session: Session, { file, line, files }: Addition): Promise<boolean> {
  const { confirm, isCancel } = await import('@clack/prompts')
  const message =
    files.length > 1
      ? `Write ${files.map(([name]) => name).join(' and ')}, so that Flux finds hai?`
      : `Add \`${line.trim()}\` to ${file}?`
  const { stdin: input, stderr: output } = session.io
  const answer = await confirm({ message, initialValue: true, input, output })
  return !isCancel(answer) && answer
}

/** What the repository does not bring, and Flux will miss: namespaces, and a list above that names each of its own. */
function tellSpaces(session: Session, { look, repository }: Plan, settings: readonly Setting[]): void {
  for (const [field, otherwise] of Object.entries(NAMESPACES)) {
    const value = String(settings.find((one) => one.field === field)?.value ?? otherwise)
    if (!look.namespaces.has(value)) session.note(`${field}: the repository has no namespace ${value}`)
  }
  const above = join(dirname(dirname(placesOf(settings).list)), 'kustomization.yaml')
  const { namespace } = placesOf(settings)
  if (!existsSync(join(repository.folder, above))) return
  const listed = new RegExp(`- "?(\\./)?${namespace}/?"?\\s*$`, 'm')
  if (!listed.test(readFileSync(join(repository.folder, above), 'utf8'))) {
    session.note(`yours to add, in ${above}: - ./${namespace}`)
  }
}
