import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { CONTRACT, type DriftReported } from '../../f/hai/core/base/contract.ts'
import { count } from '../../f/hai/core/base/words.ts'
import type { ModelList } from '../../f/hai/core/model/shape.ts'
import type { Health } from '../../f/hai/core/shape.ts'
import { contractProblem } from '../call/decode.ts'
import { Failure } from '../failure.ts'
import { checkout, supportedNode, tilde } from '../files.ts'
import type { Session } from '../session.ts'
import { localFindings, settingsFolder, unknownSettings } from '../settings/local.ts'
import { inPlace, isOfSettings } from '../settings/notes.ts'
import type { Finding } from '../show/finding.ts'
import { relative } from '../show/words.ts'
import { tokenFindings, userFindings } from './accounts.ts'

type Check = (session: Session) => Promise<Finding[]>

const CHAT_MS = 10_000
const ROOMY_BYTES = 1024 ** 3
const TIGHT_BYTES = 100 * 1024 ** 2

/** In the order in which one thing rests on the other. */
export const CHECKS: readonly Check[] = [node, build, path, disk, connection]

async function node(): Promise<Finding[]> {
  return [nodeFinding(process.versions.node, supportedNode())]
}

/** Whether a version is one of a range: steps of `^1.2.3` and `>=1.2.3` with `||` between them, as in package.json. */
export function nodeFinding(version: string, range: string): Finding {
  const what = 'node'
  const steps = range.split('||').map((step) => step.trim())
  if (steps.some((step) => isOf(step, version))) return { what, verdict: 'good', text: version }
  const wanted = steps.map((step) => step.replace(/^\^(\d+)/, '$1 from $1').replace(/^>=/, 'any from '))
  const text = `${version} is none that hai runs on`
  return { what, verdict: 'bad', text, fix: `install Node ${wanted.join(', ')}` }
}

function isOf(step: string, version: string): boolean {
  const [least, found] = [step, version].map((text) => text.replace(/^\D+/, '').split('.').map(Number))
  const differs = least!.findIndex((part, at) => part !== found![at])
  if (differs < 0) return true
  if (step.startsWith('^') && differs === 0) return false
  return found![differs]! > least![differs]!
}

async function build(): Promise<Finding[]> {
  const root = checkout()
  const built = ['hai.cjs', 'worker.cjs', 'serve.cjs', 'runner.cjs'].map((name) => join(root, 'build', name))
  const what = 'build'
  const fix = 'npm run build'
  const missing = built.find((file) => !existsSync(file))
  if (missing) return [{ what, verdict: 'bad', text: `${missing} is missing`, fix }]
  const oldest = Math.min(...built.map((file) => statSync(file).mtimeMs))
  const newer = ['cli', 'worker', 'serve', 'runner']
    .flatMap((folder) => sources(join(root, folder)))
    .find((file) => statSync(file).mtimeMs > oldest)
  if (newer) return [{ what, verdict: 'unsure', text: `${newer} is newer than the build`, fix }]
  return [{ what, verdict: 'good', text: join(root, 'build') }]
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
}

async function path({ io }: Session): Promise<Finding[]> {
  const what = 'PATH'
  const found = (io.env.PATH ?? '').split(delimiter).find((folder) => isProgram(join(folder, 'hai')))
  if (found) return [{ what, verdict: 'good', text: join(found, 'hai') }]
  return [{ what, verdict: 'unsure', text: 'hai is not on it', fix: 'npm run setup' }]
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    // A folder on PATH that is missing or closed to us has no program for us.
    return false
  }
}

/** Of each folder that fills: the database may lie on another disk than the rest. */
async function disk({ io }: Session): Promise<Finding[]> {
  const { foldersOf } = await import('../../runner/instance.ts')
  const { data_dir, cluster_dir } = await foldersOf(io.env)
  const folders = [...new Set([cluster_dir ?? data_dir, data_dir].map(existing))]
  const devices = new Set<number>()
  const apart = folders.filter((folder) => {
    const { dev } = statSync(folder)
    return !devices.has(dev) && devices.add(dev)
  })
  return Promise.all(apart.map(space))
}

function existing(folder: string): string {
  return existsSync(folder) ? folder : existing(dirname(folder))
}

async function space(folder: string): Promise<Finding> {
  const what = 'disk'
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const text = `${(free / 1024 ** 3).toFixed(1)} GiB free at ${folder}`
  if (free >= ROOMY_BYTES) return { what, verdict: 'good', text }
  const verdict = free >= TIGHT_BYTES ? 'unsure' : 'bad'
  return { what, verdict, text, fix: 'make room there, or set HAI_DATA_DIR' }
}

async function connection(session: Session): Promise<Finding[]> {
  const what = 'profile'
  try {
    const { name, local, endpoint } = await session.profile()
    const where = local ? 'the stack on this machine' : endpoint
    const text = name === where ? name : `${name}, ${where}`
    return [{ what, verdict: 'good', text }, ...(await server(session))]
  } catch (error) {
    return [failed(what, error)]
  }
}

async function server(session: Session): Promise<Finding[]> {
  let health: Health
  const findings: Finding[] = []
  try {
    const { target } = await session.webhook()
    findings.push({ what: 'token', verdict: 'good', text: `from ${target.token_from}` })
    health = await session.call<Health>('admin/health', {})
    findings.push({
      what: 'server',
      verdict: 'good',
      text: `${target.endpoint} answers and accepts the token`,
    })
    findings.push(contract(health, contractProblem(health.contract, target)))
    findings.push(schema(health, target.local))
  } catch (error) {
    return [...findings, failed('server', error)]
  }
  findings.push(...(await settings(session, health)), await model(session), ...(await chat(session)))
  findings.push(...(await orFailed('tokens', tokenFindings(session))))
  findings.push(...(await orFailed('users', userFindings(session))))
  findings.push(...(health.drift ?? []).map(driftFinding))
  const { pending, running, awaiting_approval } = health.queue
  const text = `${pending} pending, ${running} running, ${awaiting_approval} waiting for approval`
  const problems = health.problems.filter((problem) => !isOfSettings(problem))
  if (problems.length === 0) return [...findings, { what: 'queue', verdict: 'good', text }]
  return [
    ...findings,
    ...problems.map((problem): Finding => ({ what: 'queue', verdict: 'bad', text: problem })),
  ]
}

/** Who answers what no built-in does, and whether it can: as the stack sees it, at this moment. */
async function model(session: Session): Promise<Finding> {
  const what = 'model'
  try {
    const list = await session.call<ModelList>('model/list', {})
    const { default: name, reason = '', unusable, models, offers } = list
    if (list.for === 'member') return membersModel(list)
    if (unusable)
      return { what, verdict: 'bad', text: `nothing answers by default: ${reason}`, fix: 'hai model ls' }
    if (name === null) {
      const fix = offers[0] ? `hai model enable ${offers[0].backend}` : 'hai model add URL'
      return { what, verdict: 'unsure', text: 'there is none; what is built in answers', fix }
    }
    const row = models.find(({ backend, model }) => name === `${backend}/${model}`)
    if (row?.trouble) {
      const missing = `install it where the stack runs, or have another backend answer: hai model disable ${row.backend}`
      const fix = row.trouble.code === 'missing' ? missing : 'hai model ls'
      return { what, verdict: 'bad', text: `${name}: ${row.trouble.text}`, fix }
    }
    if (row?.billing === 'metered' && row.price?.input === undefined)
      return {
        what,
        verdict: 'bad',
        text: `${name} has no price, and what is metered is not asked without one`,
        fix: `write input and output, USD per million tokens, under backends.${row.backend}.models in models.yaml`,
      }
    return { what, verdict: 'good', text: `${name} answers: ${reason}` }
  } catch (error) {
    return failed(what, error)
  }
}

/** Where chat clients call, and with what; a house elsewhere doesn't say. */
async function chat(session: Session): Promise<Finding[]> {
  const { io } = session
  const { local } = await session.profile()
  const { runningStack } = await import('../call/connection.ts')
  const stack = local ? await runningStack(io) : undefined
  if (!stack?.chat_endpoint) return []
  const { chat_endpoint: endpoint, token_file: file } = stack
  const what = 'chat'
  const fix = 'hai down && hai up; hai logs'
  try {
    const { status } = await fetch(`${endpoint}/api/version`, { signal: AbortSignal.timeout(CHAT_MS) })
    if (status !== 200) return [{ what, verdict: 'bad', text: `${endpoint} answers ${status}`, fix }]
  } catch (error) {
    return [{ what, verdict: 'bad', text: `${endpoint} does not answer: ${(error as Error).message}`, fix }]
  }
  const text = `base URL ${endpoint}/v1, API key: what ${tilde(file, io.env)} holds, or a member's token`
  return [{ what, verdict: 'good', text }]
}

/** Who is no operator is told whom to ask, as nothing of it is a member's to mend. */
function membersModel({ default: name, unusable, models }: ModelList): Finding {
  const what = 'model'
  const trouble = unusable || models.some((row) => row.trouble && name === `${row.backend}/${row.model}`)
  if (name === null)
    return { what, verdict: 'unsure', text: 'there is none; what is built in answers', fix: ASK }
  if (trouble) return { what, verdict: 'bad', text: `${name} can not answer now`, fix: ASK }
  return { what, verdict: 'good', text: `${name} answers` }
}

const ASK = 'ask the operator'

const orFailed = (what: string, found: Promise<Finding[]>): Promise<Finding[]> =>
  found.catch((error: unknown) => [failed(what, error)])

/** Settings that are not in force, files that nothing reads, guards that are off, and an environment that the stack hasn't. */
async function settings(session: Session, health: Health): Promise<Finding[]> {
  const { problems, guards = [] } = health
  const what = 'settings'
  const broken = await Promise.all(problems.filter(isOfSettings).map((text) => inPlace(session, text)))
  const found = [...(await localFindings(session)), ...(await unknownSettings(session))].map(
    ({ what, text, fix, bad }): Finding => ({ what, verdict: bad ? 'bad' : 'unsure', text, fix }),
  )
  // what they hold and whether they are taken is the operator's
  if (health.for === 'member') return []
  const local = (await session.profile()).local
  const where = local ? tilde(await settingsFolder(session), session.io.env) : 'u/operator/hai_…'
  const findings: Finding[] = [
    ...broken.map(
      (text): Finding => ({
        what,
        verdict: 'bad',
        text,
        fix: 'mend it; hai config show tells when it is good',
      }),
    ),
    ...found,
    ...guards.map((text): Finding => ({ what, verdict: 'unsure', text })),
  ]
  return findings.some((finding) => finding.what === what)
    ? findings
    : [{ what, verdict: 'good', text: `those of ${where} are in force` }, ...findings]
}

function contract(health: Health, problem: string | undefined): Finding {
  const what = 'contract'
  if (!problem) return { what, verdict: 'good', text: String(health.contract) }
  return { what, verdict: 'bad', text: `${health.contract}, this hai speaks ${CONTRACT}`, fix: problem }
}

function schema({ schema: { version, expected }, for: whom }: Health, local: boolean): Finding {
  const what = 'schema'
  if (version === expected) return { what, verdict: 'good', text: String(version) }
  // after a way back to the release before: schemas only expand
  if (version > expected)
    return { what, verdict: 'good', text: `${version}, newer than the bundle's ${expected}, and serves it` }
  const there = whom === 'member' ? ASK : 'run f/hai/admin/migrate there'
  const fix = local ? 'hai down && hai up' : there
  return { what, verdict: 'bad', text: `${version}, the bundle expects ${expected}`, fix }
}

function failed(what: string, error: unknown): Finding {
  if (!(error instanceof Failure)) throw error
  return { what, verdict: 'bad', text: error.message, ...(error.next ? { fix: error.next } : {}) }
}

/** So old may a report be. */
const HOURS = 48

const COMMANDS = {
  windmill: { look: 'npm run drift -- --report', mend: 'npm run drift, then npm run deploy' },
  cluster: { look: 'hai gitops status --report', mend: 'hai gitops status' },
}

/** What whoever compares with Git found last; that this goes on is part of it. */
export function driftFinding({
  kind,
  target,
  compared,
  differences,
  examples,
  reported_by,
  reported_at,
}: DriftReported): Finding {
  const what = `drift of ${kind}`
  const { look, mend } = COMMANDS[kind]
  const hours = (Date.now() - Date.parse(reported_at)) / 3_600_000
  const by = `${reported_by}, ${relative(reported_at)}`
  if (differences > 0) {
    const more = differences > examples.length ? ` and ${differences - examples.length} more` : ''
    const text = `${count(differences, 'difference')} at ${target} (${by}): ${examples.join(', ')}${more}`
    return { what, verdict: 'bad', text, fix: mend }
  }
  const text = `${compared} things of ${target}, all as in Git (${by})`
  if (hours <= HOURS) return { what, verdict: 'good', text }
  return { what, verdict: 'unsure', text: `${text}; is whoever compares still there?`, fix: look }
}
