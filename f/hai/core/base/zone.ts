import { HaiError } from './errors.ts'

/**
 * IANA zone of whoever runs this, where nothing else says one: HAI_TIME_ZONE, else that of the process. A worker gives its
 * jobs none, which Bun may call `Etc/Unknown` and means UTC. `unavailable` when HAI_TIME_ZONE is no zone.
 */
export function ownZone(): string {
  const named = process.env.HAI_TIME_ZONE
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', named ? { timeZone: named } : {}).resolvedOptions()
    return timeZone === 'Etc/Unknown' ? 'UTC' : timeZone
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    const expected =
      'expected a time zone such as Europe/Berlin, or none; set it where the workers are started'
    throw new HaiError('unavailable', `HAI_TIME_ZONE is "${named}"; ${expected}`, {
      plain: `HAI_TIME_ZONE is no time zone; ${expected}`,
      cause,
    })
  }
}
