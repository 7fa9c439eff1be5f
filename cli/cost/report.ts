import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Breakdown, CostReport, TaskCost } from '../../f/hai/core/cost/shape.ts'
import { given } from '../command.ts'
import { Failure } from '../failure.ts'
import { expandHome, tilde, writePrivate } from '../files.ts'
import type { Session } from '../session.ts'
import { inPlace } from '../settings/notes.ts'

const DEAREST = 5

export interface ReportFlags {
  days?: number
  since?: string
  until?: string
  by?: Breakdown[]
  tz?: string
  json?: boolean
  csv?: boolean
  html?: string
}

/** Prints the report as it was asked for, or writes it to a file. */
export async function showReport(session: Session, flags: ReportFlags): Promise<undefined> {
  const { days, since, until, tz, by, html } = flags
  if (html !== undefined) return writePage(session, html, given({ days, since, until, tz }))
  const top = flags.csv ? undefined : DEAREST
  const asked = given({ days, since, until, tz, by, top })
  const report = await session.call<CostReport>('cost/report', asked)
  for (const problem of report.problems ?? []) session.warn(await inPlace(session, problem))
  if (flags.json) session.printJson(report)
  else if (flags.csv) session.print((await import('../show/cost-csv.ts')).csvOf(report, by))
  else session.print(...(await (await import('../show/cost.ts')).reportLines(report, by, session)))
}

/** The page goes to a file whole or not at all; `-` is stdout. */
async function writePage(session: Session, file: string, range: object): Promise<undefined> {
  const { html } = await session.call<{ html: string }>('cost/page', range)
  if (file === '-') {
    session.print(html)
    return
  }
  const { env, cwd } = session.io
  const path = resolve(cwd, expandHome(file, env))
  const folder = dirname(path)
  if (!existsSync(folder))
    throw new Failure('usage', `${file} cannot be written: there is no folder ${tilde(folder, env)}`)
  writePrivate(path, html)
  session.print(`${tilde(path, env)} written; a browser shows it`)
}

/** Prints what each call of a task came to. */
export async function showTask(session: Session, text: string, json = false): Promise<undefined> {
  const id = await session.taskId(text)
  const cost = await session.call<TaskCost>('cost/task', { id })
  if (json) session.printJson(cost)
  else session.print(...(await (await import('../show/cost-task.ts')).taskCostLines(cost, session)))
}
