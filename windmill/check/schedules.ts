import { Cron } from 'croner'
import { type BundleFiles, hasRunnable, type Item, type Problem } from '../items.ts'

const DAY_NAMES = /^(\*|\?|(sun|mon|tue|wed|thu|fri|sat)([-,](sun|mon|tue|wed|thu|fri|sat))*)$/i

/** Schedules: what `wmill lint` lets pass and a server refuses, or reads differently. */
export function checkSchedules(bundle: BundleFiles): Problem[] {
  return bundle.items('.schedule.yaml').flatMap((item) => {
    const problems = [...checkPattern(item), ...checkTarget(bundle, item)]
    return problems.map((what) => ({ file: item.file, what }))
  })
}

function checkPattern({ content }: Item): string[] {
  const { schedule, timezone, cron_version: version } = content
  if (typeof schedule !== 'string') return ['schedule is missing: expected six cron fields, seconds first']
  const problems: string[] = []
  const fields = schedule.trim().split(/\s+/)
  if (fields.length !== 6) {
    problems.push(`schedule "${schedule}" has ${fields.length} fields; expected six, seconds first`)
  } else {
    if (!DAY_NAMES.test(fields[5]!)) {
      problems.push(
        `schedule "${schedule}": write days as names (mon-fri); their numbers depend on the version`,
      )
    }
    const error = cronError(schedule, timezone)
    if (error) problems.push(`schedule "${schedule}" in "${timezone}": ${error}`)
  }
  if (version !== 'v2') problems.push('cron_version is not v2: set cron_version: v2')
  return problems
}

function cronError(schedule: string, timezone: unknown): string | undefined {
  if (typeof timezone !== 'string') return 'timezone is missing: expected an IANA name such as Europe/Berlin'
  try {
    const cron = new Cron(schedule, { timezone, paused: true })
    return cron.nextRun() ? undefined : 'it is never due'
  } catch (error) {
    return (error as Error).message
  }
}

function checkTarget(bundle: BundleFiles, { content }: Item): string[] {
  const { script_path: path, is_flow: isFlow, enabled } = content
  const problems: string[] = []
  if (!hasRunnable(bundle, path, isFlow)) {
    problems.push(`script_path ${path} is no ${isFlow === true ? 'flow' : 'script'} of the bundle`)
  }
  if (typeof isFlow !== 'boolean') problems.push('is_flow is missing: expected true or false')
  if (typeof enabled !== 'boolean') problems.push('enabled is missing: expected true or false')
  return problems
}
