import { existsSync, readlinkSync } from 'node:fs'

type Env = Record<string, string | undefined>

/** The doors that read or show days: what they mean by today depends on who asks. */
const DATED = /^(?:home|todo\/(?:add|list|show|update|run|undo|skip|stop))$/

/** An IANA zone, and not one of POSIX's own forms, by which clocks elsewhere don't go. */
const NAMED = /^(?:UTC|[A-Za-z]+(?:\/[A-Za-z0-9_+-]+){1,2})$/

/**
 * The IANA zone of whoever sits here, as the shell, the machine or else the engine says it; the last costs most of the
 * start-up of a command, and is asked where the others say nothing. Undefined where nobody knows.
 */
export function timeZone(env: Env): string | undefined {
  const named = env.TZ?.replace(/^:/, '')
  if (named && NAMED.test(named) && isKnown(named)) return named
  if (named === undefined || named === '') {
    const linked = ofMachine()
    if (linked) return linked
  }
  const { timeZone: known } = new Intl.DateTimeFormat().resolvedOptions()
  return NAMED.test(known ?? '') ? known : undefined
}

/** Whether a machine knows that zone: this one by its files, which are quicker to ask, or the engine. */
function isKnown(zone: string): boolean {
  if (existsSync(`/usr/share/zoneinfo/${zone}`)) return true
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== ''
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

function ofMachine(): string | undefined {
  try {
    const [, zone] = readlinkSync('/etc/localtime').split(/zoneinfo\/(?:posix\/|right\/)?/)
    if (zone === 'Etc/UTC') return 'UTC'
    return zone && NAMED.test(zone) ? zone : undefined
  } catch {
    return undefined
  }
}

/** A door's arguments with the caller's zone, where it matters there. */
export function zoned(path: string, args: object, env: Env): object {
  const time_zone = DATED.test(path) ? timeZone(env) : undefined
  return time_zone === undefined ? args : { ...args, time_zone }
}
