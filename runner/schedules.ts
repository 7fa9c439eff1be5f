import { Cron } from 'croner'
import { ApiError } from './api-error.ts'
import type { Executor } from './executor.ts'
import type { Flows } from './flows/flows.ts'
import { OPERATOR } from './identity.ts'
import type { Catalog } from './items/catalog.ts'
import type { Items } from './items/items.ts'
import type { Job } from './jobs.ts'

/** What runs at another pace on one machine than on a shared Windmill, by script. */
const LOCAL_PACE: Record<string, { cron: string; args: Record<string, unknown> }> = {
  'f/hai/worker/sweep': { cron: '*/15 * * * * *', args: { every_seconds: 15 } },
}

/** Housekeeping that is not left to its next time when the stack starts: nobody did it while the stack was down. */
const AT_START = new Set(['f/hai/worker/sweep', 'f/hai/outbox/send', 'f/hai/cost/rollup'])
/** Whoever started the stack comes first; milliseconds. */
const SETTLED_MS = 2000

/** A schedule as its file has it. */
export interface Schedule {
  path: string
  schedule: string
  timezone: string
  script_path: string
  is_flow: boolean
  enabled: boolean
  args: Record<string, unknown>
  summary: string
  description: string
}

/** Every schedule. Throws when one misses what Windmill requires. */
export function readSchedules(catalog: Catalog): Schedule[] {
  return catalog.items('schedule').map(([path, item]) => readSchedule(path, item))
}

/** A schedule of these fields; 400 when one is missing. */
export function readSchedule(path: string, item: Record<string, unknown>): Schedule {
  const text = (field: string): string => {
    const value = item[field]
    if (typeof value === 'string') return value
    throw new ApiError(400, `schedule ${path}: ${field} is missing: expected text`)
  }
  return {
    path,
    schedule: text('schedule'),
    timezone: text('timezone'),
    script_path: text('script_path'),
    is_flow: item.is_flow === true,
    enabled: item.enabled === true,
    args: (item.args ?? {}) as Record<string, unknown>,
    summary: String(item.summary ?? ''),
    description: String(item.description ?? ''),
  }
}

/** The pattern as croner has it; 400 when it is none. */
export function cronOf(pattern: string, timezone: string): Cron {
  if (pattern.trim().split(/\s+/).length !== 6) {
    throw new ApiError(400, `cron: "${pattern}" has not six fields, seconds first`)
  }
  try {
    return new Cron(pattern, { timezone, paused: true })
  } catch (error) {
    throw new ApiError(400, `cron: "${pattern}" in ${timezone}: ${(error as Error).message}`)
  }
}

interface SchedulerOptions {
  catalog: Catalog
  executor: Executor
  flows: Flows
  items: Items
  log: (line: string) => void
}

/** Runs the bundle's schedules. One never overlaps itself; what was missed while the machine slept runs once. */
export class Scheduler {
  #options: SchedulerOptions
  #stamp = ''
  #timers: Cron[] = []
  #last = new Map<string, Job>()
  #fresh = true
  #catchUp: NodeJS.Timeout | undefined

  constructor(options: SchedulerOptions) {
    this.#options = options
  }

  /** Reads the files and arms what is enabled; called again, it does so only when files changed. */
  start(): void {
    const stamp = this.#options.catalog.stamp()
    if (stamp === this.#stamp) return
    this.stop()
    this.#stamp = stamp
    const { items } = this.#options
    for (const schedule of this.#readable()) {
      if (items.isEnabled(schedule.path, schedule.enabled)) this.#arm(schedule)
    }
    if (this.#fresh) this.#catchUp = setTimeout(() => void this.#runAtStart(), SETTLED_MS).unref()
    this.#fresh = false
  }

  /** One after the other, in one process. */
  async #runAtStart(): Promise<void> {
    for (const schedule of this.#readable()) {
      if (AT_START.has(schedule.path) && this.nextRun(schedule.path)) await this.#tick(schedule)
    }
  }

  stop(): void {
    clearTimeout(this.#catchUp)
    for (const timer of this.#timers.splice(0)) timer.stop()
    this.#stamp = ''
  }

  /** Arms anew, if it was armed: a schedule was switched on or off. */
  restart(): void {
    if (this.#stamp === '') return
    this.stop()
    this.start()
  }

  /** The next time a schedule is due; null when it isn't armed. */
  nextRun(path: string): Date | null {
    return this.#timers.find(({ name }) => name === path)?.nextRun() ?? null
  }

  #readable(): Schedule[] {
    try {
      return readSchedules(this.#options.catalog)
    } catch (error) {
      this.#options.log(`no schedules run: ${error instanceof Error ? error.message : error}`)
      return []
    }
  }

  #arm(schedule: Schedule): void {
    const { path, script_path } = schedule
    const pattern = LOCAL_PACE[script_path]?.cron ?? schedule.schedule
    try {
      cronOf(pattern, schedule.timezone)
    } catch (error) {
      this.#options.log(`schedule ${path} does not run: ${(error as Error).message}`)
      return
    }
    const { timezone } = schedule
    this.#timers.push(
      new Cron(pattern, { name: path, timezone, unref: true }, () => void this.#tick(schedule)),
    )
  }

  async #tick(schedule: Schedule): Promise<void> {
    const { path } = schedule
    const last = this.#last.get(path)
    if (last && !last.completedAt) return
    try {
      const { executor, flows } = this.#options
      const job = await (schedule.is_flow ? flows : executor).submit({
        path: schedule.script_path,
        args: { ...schedule.args, ...LOCAL_PACE[schedule.script_path]?.args },
        identity: { ...OPERATOR, username: `schedule-${path.replaceAll('/', '-')}` },
        scheduledFor: new Date(),
        schedulePath: path,
      })
      this.#last.set(path, job)
      await job.done
      if (!job.success)
        this.#options.log(`schedule ${path}: job ${job.id} failed: ${job.result?.slice(0, 500)}`)
      this.start()
    } catch (error) {
      this.#options.log(`schedule ${path}: ${error instanceof Error ? error.message : error}`)
      this.start()
    }
  }
}
