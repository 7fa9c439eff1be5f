import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { CONTRACT, type Health } from '../f/hai/core/contract.ts'
import { checkout } from './checkout.ts'
import { contractProblem } from './decode.ts'
import { Failure } from './failure.ts'
import type { Session } from './session.ts'

/** What a check found; `fix` is the next command or act. */
export interface Finding {
  what: string
  verdict: 'good' | 'bad' | 'unsure'
  text: string
  fix?: string
}

type Check = (session: Session) => Promise<Finding[]>

const NODE = 20
const ROOMY_BYTES = 1024 ** 3
const TIGHT_BYTES = 100 * 1024 ** 2

/** In the order in which one thing rests on the other. */
export const CHECKS: readonly Check[] = [node, build, path, disk, connection]

async function node(): Promise<Finding[]> {
  const { node } = process.versions
  const good = Number(node.split('.')[0]) >= NODE
  const what = 'node'
  if (good) return [{ what, verdict: 'good', text: node }]
  return [{ what, verdict: 'bad', text: `${node} is too old`, fix: `install Node ${NODE} or newer` }]
}

async function build(): Promise<Finding[]> {
  const root = checkout()
  const built = ['hai.cjs', 'runner.cjs'].map((name) => join(root, 'build', name))
  const what = 'build'
  const fix = 'npm run build'
  const missing = built.find((file) => !existsSync(file))
  if (missing) return [{ what, verdict: 'bad', text: `${missing} is missing`, fix }]
  const oldest = Math.min(...built.map((file) => statSync(file).mtimeMs))
  const newer = ['cli', 'runner']
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

async function disk({ io }: Session): Promise<Finding[]> {
  const { dataDirOf } = await import('../runner/instance.ts')
  const what = 'disk'
  let folder = dataDirOf(io.env)
  while (!existsSync(folder)) folder = join(folder, '..')
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const text = `${(free / 1024 ** 3).toFixed(1)} GiB free at ${folder}`
  if (free >= ROOMY_BYTES) return [{ what, verdict: 'good', text }]
  return [
    {
      what,
      verdict: free >= TIGHT_BYTES ? 'unsure' : 'bad',
      text,
      fix: 'make room there, or set HAI_DATA_DIR',
    },
  ]
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
  const { pending, running, awaiting_approval } = health.queue
  const text = `${pending} pending, ${running} running, ${awaiting_approval} waiting for approval`
  if (health.problems.length === 0) return [...findings, { what: 'queue', verdict: 'good', text }]
  return [
    ...findings,
    ...health.problems.map((problem): Finding => ({ what: 'queue', verdict: 'bad', text: problem })),
  ]
}

function contract(health: Health, problem: string | undefined): Finding {
  const what = 'contract'
  if (!problem) return { what, verdict: 'good', text: String(health.contract) }
  return { what, verdict: 'bad', text: `${health.contract}, this hai speaks ${CONTRACT}`, fix: problem }
}

function schema({ schema: { version, expected } }: Health, local: boolean): Finding {
  const what = 'schema'
  if (version === expected) return { what, verdict: 'good', text: String(version) }
  const fix = local ? 'hai down && hai up' : 'run f/hai/admin/migrate there'
  return { what, verdict: 'bad', text: `${version}, the bundle expects ${expected}`, fix }
}

function failed(what: string, error: unknown): Finding {
  if (!(error instanceof Failure)) throw error
  return { what, verdict: 'bad', text: error.message, ...(error.next ? { fix: error.next } : {}) }
}
