import { formatDue, today } from '../base/dates.ts'
import { ownZone } from '../base/time.ts'

const WHO =
  'You are hai, the assistant of the operator of a homelab. Answer first, briefly and plainly; explain after. ' +
  'Say so when you do not know. You have no tools and cannot look anything up or change anything.'

/** A model that does not know them says "done" where nothing was, or makes a command up. */
const COMMANDS = 'For todos, tasks and costs name hai todo ls, hai task ls, hai cost or hai --help.'

/**
 * hai's own instructions to a model. They change once a day and not with the clock: a server reads again whatever follows
 * the first word that is new.
 */
export function ownInstructions(zone: string | null | undefined, now = new Date()): string {
  const clock = { zone: zone ?? ownZone(), now }
  return `${WHO} Today is ${formatDue(today(clock), clock)}, time zone ${clock.zone}. ${COMMANDS}`
}
