import { type Command, InvalidArgumentError, Option } from 'commander'
import { STATES, type TaskList } from '../../f/hai/core/contract.ts'
import { collect, count, examples, given, JSON_OPTION, moment } from '../command.ts'
import type { Session } from '../session.ts'
import { taskTable } from '../task-table.ts'

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
    .option('--in <conversation>', 'only this conversation')
    .option('--since <time>', 'only newer ones (2h, today, 2026-11-27)', moment)
    .option('--until <time>', 'only older ones', moment)
    .option('--text <words>', 'only those that contain this')
    .option('--limit <n>', 'at most so many', count)
    .option('--cursor <cursor>', 'go on where a list ended')
    .option(...JSON_OPTION)
    .action(session.run((options: ListOptions) => list(session, options)))
  examples(ls, 'hai task ls', 'hai task ls --state open --since 2d', 'hai task ls --state dead --json')
}

async function list(session: Session, options: ListOptions): Promise<undefined> {
  const { state, in: conversation_id, json, ...filters } = options
  const found = await session.call<TaskList>(
    'task/list',
    given({ ...filters, conversation_id, state: state?.join(',') }),
  )
  if (json) {
    session.printJson(found)
    return
  }
  session.print(...(await taskTable(found.tasks, session)))
  if (found.tasks.length === 0) session.note('no task is like that; hai task ls shows all')
  if (found.next_cursor) session.note(`there are more: add --cursor ${found.next_cursor}`)
}

/** Commander replaces the check of choices by a parser, so this one checks too. */
function states(text: string, all?: string[]): string[] {
  return text.split(',').reduce((sum, name) => {
    if (name === 'open' || STATES.some((state) => state === name)) return collect(name, sum)
    throw new InvalidArgumentError(`Allowed choices are open, ${STATES.join(', ')}.`)
  }, all ?? [])
}
