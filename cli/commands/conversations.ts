import type { Command } from 'commander'
import type { Conversation } from '../../f/hai/core/task/shape.ts'
import { CURSOR_OPTION, LIMIT_OPTION, listOf, MORE_OPTION, noteRest } from '../call/list.ts'
import { keepEnd, nextPage } from '../call/page-end.ts'
import { examples, given, JSON_OPTION } from '../command.ts'
import type { Session } from '../session.ts'
import { conversationTable } from '../show/conversations.ts'

interface ListOptions {
  limit?: number
  more?: boolean
  cursor?: string
  json?: boolean
}

/** `hai chat ls`: what there is to go on with. */
export function addConversations(chat: Command, session: Session): void {
  const ls = chat
    .command('ls')
    .description('list your conversations, the one last spoken in first; a question by itself is one')
    .option(...LIMIT_OPTION)
    .option(...MORE_OPTION)
    .option(...CURSOR_OPTION)
    .option(...JSON_OPTION)
    .action(session.run((options: ListOptions) => list(session, options)))
  examples(ls, 'hai chat ls', 'hai chat ls --limit 5 --json')
}

const DOOR = 'task/conversations'

async function list(session: Session, { limit, more, json, cursor }: ListOptions): Promise<undefined> {
  const asked = given({ cursor })
  const args = more ? await nextPage(session, DOOR, asked) : asked
  const found = await listOf<'conversations', Conversation>(
    session,
    { door: DOOR, key: 'conversations', limit },
    args,
  )
  if (json) {
    session.printJson(found)
    return
  }
  const { conversations } = found
  session.print(...(await conversationTable(conversations, session)))
  await keepEnd(session, DOOR, args, found.next_cursor)
  if (conversations.length > 0) {
    const [{ name, last_id } = { name: null, last_id: '' }] = conversations
    if (session.columns !== undefined)
      session.note(`to go on: hai chat ${name === null ? last_id.slice(-6) : `'${name}'`}`)
    noteRest(session, found, conversations.length)
  } else
    session.note('cursor' in args ? 'the list has ended' : 'nothing was talked about yet; to begin: hai chat')
}
