import { type Command, InvalidArgumentError, Option } from 'commander'
import { STATES, type TaskSummary } from '../../f/hai/core/base/contract.ts'
import { conversationOf } from '../answer/conversation.ts'
import { CURSOR_OPTION, LIMIT_OPTION, listOf, lookedFor, noteRest } from '../call/list.ts'
import { collect, examples, given, JSON_OPTION, moment } from '../command.ts'
import type { Session } from '../session.ts'
import { taskTable } from '../show/task-table.ts'

interface ListOptions {
  state?: string[]
  source?: string
  agent?: string
  requester?: string
  in?: string
  since?: string
  until?: string
  text?: string
  limit?: number
  all?: boolean
  cursor?: string
  json?: boolean
}

/** `hai task ls`: tasks by state, origin, time or words. */
export function addTaskList(task: Command, session: Session): void {
  const ls = task
    .command('ls')
    .description('list tasks, the newest first')
    .addOption(
      new Option('--state <state>', 'only these; open is all that are not final; may be repeated')
        .choices(['open', ...STATES])
        .argParser(states),
    )
    .option('--source <name>', 'only what came from there (cli, voice, …)')
    .option('--agent <name>', 'only what this one did')
    .option('--requester <name>', 'only what this one asked for')
    .option('--in <conversation>', "only this conversation: '#name', an id, or @ for that of the last task")
    .option('--since <time>', 'only newer ones (2h, today, 2026-11-27)', moment)
    .option('--until <time>', 'only older ones', moment)
    .option('--text <words>', 'only those that have this in question, answer or error')
    .option(...LIMIT_OPTION)
    .option('--all', 'all of them, however many')
    .option(...CURSOR_OPTION)
    .option(...JSON_OPTION)
    .action(session.run((options: ListOptions) => list(session, options)))
  examples(ls, 'hai task ls', 'hai task ls --state open --since 2d', 'hai task ls --state dead --json')
}

async function list(session: Session, options: ListOptions): Promise<undefined> {
  const { state, in: place, json, all, limit, ...filters } = options
  const conversation_id = place === undefined ? undefined : await conversationOf(session, place)
  const args = given({ ...filters, conversation_id, state: state?.join(',') })
  const most = all ? Number.POSITIVE_INFINITY : limit
  const how = { door: 'task/list', key: 'tasks', limit: most } as const
  const found = await listOf<'tasks', TaskSummary>(session, how, args)
  if (json) {
    session.printJson(found)
    return
  }
  session.print(...(await taskTable(found.tasks, session)))
  if (found.tasks.length === 0) session.note(none(options, conversation_id))
  noteRest(session, found, found.tasks.length, { searched: filters.text !== undefined })
}

/** Why a list is empty: nothing is there, or nothing is as it was asked for. */
function none(options: ListOptions, conversation: string | undefined): string {
  const { state, source, agent, requester, since, until, text } = options
  const filters = { state: state?.join(','), source, agent, requester, conversation, since, until, text }
  const wanted = lookedFor(filters)
  if (wanted) return `no task matches ${wanted}; hai task ls shows all`
  return options.cursor ? 'the list has ended' : 'no task was put down yet'
}

/** Commander replaces the check of choices by a parser, so this one checks too. */
function states(text: string, all?: string[]): string[] {
  return text.split(',').reduce((sum, word) => {
    const name = word.trim().toLowerCase().replaceAll('-', '_')
    if (name === 'open' || STATES.some((state) => state === name)) return collect(name, sum)
    throw new InvalidArgumentError(`Allowed choices are open, ${STATES.join(', ')}.`)
  }, all ?? [])
}
