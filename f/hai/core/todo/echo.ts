import { type Clock, isDay, today, wallClock } from '../base/dates.ts'
import { shortId } from '../base/ids.ts'
import { MONTHS, WEEKDAYS } from '../base/words.ts'
import type { Todo, TodoRead, Unread } from './shape.ts'

/** `Fri 4 Dec`, with the year where it is another one, and the time in the clock's zone when `due` is an instant. */
export function dueEcho(due: string, clock: Clock): string {
  const day = isDay(due)
  const wall = day ? new Date(`${due}T00:00Z`) : wallClock(new Date(due), clock.zone)
  const iso = wall.toISOString()
  const year = iso.slice(0, 4) === today(clock).slice(0, 4) ? '' : ` ${iso.slice(0, 4)}`
  const date = `${WEEKDAYS[wall.getUTCDay()]} ${wall.getUTCDate()} ${MONTHS[wall.getUTCMonth()]}${year}`
  return day ? date : `${date} ${iso.slice(11, 16)}${clock.tellZone ? ` ${clock.zone}` : ''}`
}

/** `due Fri 4 Dec 17:00 · #rack · high`: what is known of a todo beside what is to be done; '' when nothing. */
export function echoOf(
  { due, recur, tags, priority }: Pick<Todo, 'due' | 'recur' | 'tags' | 'priority'>,
  clock: Clock,
): string {
  const parts = [
    due && `due ${dueEcho(due, clock)}`,
    recur,
    ...tags.map((tag) => `#${tag}`),
    priority !== 'normal' && priority,
  ]
  return parts.filter(Boolean).join(' · ')
}

/** What was read of a todo that was just put down, for whoever did. */
export function readOf(todo: Todo, unread: Unread[], clock: Clock): TodoRead {
  return {
    text: echoOf(todo, clock),
    time_zone: clock.zone,
    unread,
    notes: unread.map((one) => unreadNote(one, todo.id, clock)),
  }
}

const DECIDES = 'day_first in time configuration (time.yaml, on Windmill u/operator/hai_time)'

/** `“due asap” was left in the text: it is no date; hai todo edit 7F3K2M --due DATE`. */
function unreadNote({ text, why, option, either }: Unread, id: string, clock: Clock): string {
  const edit = `hai todo edit ${shortId(id)}`
  if (!either) return `“${text}” was left in the text: ${why}; ${edit} ${option}`
  const [one, other] = either.map((due) => dueEcho(due, clock))
  return `“${text}” is ${one} or ${other}, and was left in the text: ${edit} --due ${either[0]}, or --due ${either[1]}; ${DECIDES} decides for good`
}
