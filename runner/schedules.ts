import { Cron } from 'croner'
import type { Bundle } from './bundle.ts'
import type { Executor } from './executor.ts'
import { OPERATOR } from './identity.ts'
import type { Items } from './items.ts'
import type { Job } from './jobs.ts'

/** What runs at another pace on one machine than on a shared Windmill, by script. */
const LOCAL_PACE: Record<string, { cron: string; args: Record<string, unknown> }> = {
  'f/hai/worker/sweep': { cron: '*/15 * * * * *', args: { every_seconds: 15 } },
}

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

/** Every schedule of the bundle. Throws when a file misses what Windmill requires. */
export function readSchedules(bundle: Bundle): Schedule[] {
  return bundle.items('schedule').map(([path, item]) => {
    const { schedule, timezone, script_path, args } = item
    for (const [field, value] of Object.entries({ schedule, timezone, script_path })) {
      if (typeof value !== 'string')
        throw new Error(`${path}.schedule.yaml: ${field} is missing: expected text`)
    }
    return {
      path,
      schedule: schedule as string,
      timezone: timezone as string,
      script_path: script_path as string,
      is_flow: item.is_flow === true,
      enabled: item.enabled === true,
      args: (args ?? {}) as Record<string, unknown>,
      summary: String(item.summary ?? ''),
      description: String(item.description ?? ''),
    }
  })
}

interface SchedulerOptions {
  bundle: Bundle
  executor: Executor
  items: Items
  log: (line: string) => void
}

/** Runs the bundle's schedules. One never overlaps itself; what was missed while the machine slept runs once. */
export class Scheduler {
  #options: SchedulerOptions
  #stamp = ''
  #timers: Cron[] = []
  #last = new Map<string, Job>()

  constructor(options: SchedulerOptions) {
    this.#options = options
  }

  /** Reads the files and arms what is enabled; called again, it does so only when files changed. */
  start(): void {
    const stamp = this.#options.bundle.stamp()
    if (stamp === this.#stamp) return
    this.stop()
    this.#stamp = stamp
    for (const schedule of this.#readable()) if (schedule.enabled) this.#arm(schedule)
  }

  stop(): void {
    for (const timer of this.#timers.splice(0)) timer.stop()
    this.#stamp = ''
  }

  /** The next time a schedule is due; null when it isn't armed. */
  nextRun(path: string): Date | null {
    return this.#timers.find(({ name }) => name === path)?.nextRun() ?? null
  }

  #readable(): Schedule[] {
    try {
      return readSchedules(this.#options.bundle)
    } catch (error) {
      this.#options.log(`no schedules run: ${error instanceof Error ? error.message : error}`)
      return []
    }
  }

  #arm(schedule: Schedule): void {
    const { path, script_path } = schedule
    if (schedule.is_flow) {
      this.#options.log(`schedule ${path} does not run: flows are not implemented by the local runner`)
      return
    }
    const pattern = LOCAL_PACE[script_path]?.cron ?? schedule.schedule
    try {
      const timer = new Cron(pattern, { name: path, timezone: schedule.timezone, unref: true }, () => {
        void this.#tick(schedule)
      })
      this.#timers.push(timer)
    } catch (error) {
      this.#options.log(`schedule ${path} does not run: "${pattern}" in ${schedule.timezone}: ${error}`)
    }
  }

  async #tick(schedule: Schedule): Promise<void> {
    const { path } = schedule
    const last = this.#last.get(path)
    if (last && !last.completedAt) return
    try {
      const args = this.#options.items.interpolate(schedule.args) as Record<string, unknown>
      const job = await this.#options.executor.submit({
        path: schedule.script_path,
        args: { ...args, ...LOCAL_PACE[schedule.script_path]?.args },
        identity: { ...OPERATOR, username: `schedule-${path.replaceAll('/', '-')}` },
        scheduledFor: new Date(),
        schedulePath: path,
      })
      this.#last.set(path, job)
      await job.done
      if (!job.success)
        this.#options.log(`schedule ${path}: job ${job.id} failed: ${job.result?.slice(0, 500)}`)
    } catch (error) {
      this.#options.log(`schedule ${path}: ${error instanceof Error ? error.message : error}`)
    }
    this.start()
  }
}
