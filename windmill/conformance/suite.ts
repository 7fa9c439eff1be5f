import { ARGUMENT_CASES } from './cases/arguments.ts'
import { CLIENT_CASES } from './cases/client.ts'
import { FLOW_CASES } from './cases/flows.ts'
import { JOB_CASES, STREAM_CASES } from './cases/jobs.ts'
import { RESULT_CASES } from './cases/results.ts'
import { RIGHTS_CASES } from './cases/rights.ts'
import { WORKER_CASES } from './cases/worker.ts'
import { deployScripts } from './scripts.ts'
import { type Case, LeftOut, type Server } from './server.ts'

const CASES: Case[] = [
  ...RESULT_CASES,
  ...ARGUMENT_CASES,
  ...JOB_CASES,
  ...WORKER_CASES,
  ...STREAM_CASES,
  ...FLOW_CASES,
  ...RIGHTS_CASES,
  ...CLIENT_CASES,
]

/** What a run came to, by the names of the cases. */
export interface Report {
  version: string
  passed: string[]
  failed: { name: string; reason: string }[]
  leftOut: { name: string; reason: string }[]
}

/** Runs every case against a server, and removes what it put there. Throws when nothing can be asked at all. */
export async function runConformance(server: Server, log: (line: string) => void): Promise<Report> {
  const version = await greet(server)
  log(`${server.endpoint}, workspace ${server.workspace}, is ${version}`)
  const report: Report = { version, passed: [], failed: [], leftOut: [] }
  try {
    await deployScripts(server)
    for (const one of CASES) await runCase(one, { server, version, report, log })
  } finally {
    await server.close()
  }
  const { passed, failed, leftOut } = report
  log(`${passed.length} passed, ${failed.length} failed, ${leftOut.length} left out`)
  return report
}

async function greet(server: Server): Promise<string> {
  const { text: version } = await server.call('/version')
  const { status, text, json } = await server.call('users/whoami')
  if (status !== 200)
    throw new Error(`the token is not accepted in workspace ${server.workspace}: ${status} ${text}`)
  server.username = (json as { username: string }).username
  return version
}

async function runCase(
  { name, since, run }: Case,
  {
    server,
    version,
    report,
    log,
  }: { server: Server; version: string; report: Report; log: (line: string) => void },
): Promise<void> {
  try {
    if (since && isOlder(version, since)) throw new LeftOut(`it came with ${since}`)
    await run(server)
    report.passed.push(name)
    log(`ok        ${name}`)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const leftOut = error instanceof LeftOut
    report[leftOut ? 'leftOut' : 'failed'].push({ name, reason })
    log(`${leftOut ? 'left out ' : 'FAILED   '} ${name}: ${reason}`)
  }
}

/** Whether a version such as `CE v1.650.2` comes before one such as `1.699.0`. A version that is none is taken as new. */
export function isOlder(version: string, since: string): boolean {
  const numbers = /(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number)
  if (!numbers) return false
  const wanted = since.split('.').map(Number)
  const differs = numbers.findIndex((number, index) => number !== wanted[index])
  return differs >= 0 && numbers[differs]! < wanted[differs]!
}
