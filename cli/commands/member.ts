import { type Command, Option } from 'commander'
import { examples } from '../command.ts'
import { Accounts } from '../member/accounts.ts'
import type { AddFlags } from '../member/change.ts'
import { household, isOver, type MembersToken, tokensOfAll } from '../member/members.ts'
import { asJson, endText, usedText } from '../member/token.ts'
import type { Session } from '../session.ts'
import { table } from '../show/table.ts'

/** `hai member …`: who may call. */
export function addMember(program: Command, session: Session): void {
  const member = program.command('member').description('choose who may call').helpCommand(false)

  const add = member
    .command('add')
    .description('let a person or a kind of machine call, as a user of its own')
    .argument('<name>', 'his name here')
    .addOption(
      new Option(
        '--role <role>',
        'member: sees his own; machine: works for others, sees all; operator: decides everything',
      )
        .choices(['member', 'machine', 'operator'])
        .makeOptionMandatory(),
    )
    .option('--user <name>', "Windmill's name for him, when it is another")
    .option('--email <address>', 'his address in Windmill, from which a server makes the name of the user')
    .action(
      session.run(async (name: string, flags: AddFlags) =>
        (await import('../member/change.ts')).addMember(session, name, flags),
      ),
    )
  examples(add, 'hai member add kim --role member', 'hai member add alerts --role machine')

  const ls = member
    .command('ls')
    .description('list who may call, with their tokens')
    .option('--json', 'print it as JSON')
    .action(session.run(async ({ json }: { json?: boolean }) => list(session, json)))
  examples(ls, 'hai member ls')

  const rm = member
    .command('rm')
    .description('let somebody call no more; what he put down stays')
    .argument('<name>')
    .action(
      session.run(async (name: string) => (await import('../member/change.ts')).removeMember(session, name)),
    )
  examples(rm, 'hai member rm kim')
  examples(member, 'hai member add kim --role member', 'hai auth token add --for kim', 'hai member ls')
}

/** Prints who may call, and how it stands with his tokens. */
async function list(session: Session, json = false): Promise<undefined> {
  const { members, error } = await household(session)
  const { tokens, unseen } = await tokensOfAll(await Accounts.of(session), members)
  const of = (name: string) => tokens.filter(({ member }) => member === name)
  const isUnseen = (name: string) => unseen.members.includes(name)
  const all = Object.entries(members)
  if (json) {
    session.printJson({
      members: all.map(([name, { role, usernames }]) => {
        return { name, role, usernames, tokens: isUnseen(name) ? null : of(name).map(asJson) }
      }),
    })
  } else {
    const rows = all.map(([name, { role, usernames }]) => {
      return [name, role, usernames.join(', '), ...(isUnseen(name) ? ['?', '', ''] : tokenCells(of(name)))]
    })
    const header = [
      { title: 'NAME' },
      { title: 'ROLE' },
      { title: 'USER', spare: 2 },
      { title: 'TOKENS', right: true },
      { title: 'EXPIRES' },
      { title: 'LAST USED', spare: 1 },
    ]
    session.print(...(await table(header, rows, { columns: session.columns, title: session.paint.dim })))
  }
  if (unseen.members.length > 0) session.warn(`the tokens of ${unseen.members.join(', ')}: ${unseen.why}`)
  if (error) session.warn(error)
}

/** How many he can call with, when the first of them ends, and when one was last used. */
function tokenCells(tokens: MembersToken[]): string[] {
  const good = tokens.filter((token) => !isOver(token))
  const ending = good.filter(({ expiration }) => expiration)
  const [first] = ending.toSorted((a, b) => Date.parse(a.expiration!) - Date.parse(b.expiration!))
  const [last] = tokens.toSorted((a, b) => Date.parse(b.last_used_at) - Date.parse(a.last_used_at))
  const [any] = good
  return [
    String(good.length),
    first ? endText(first) : any ? endText(any) : '',
    last && usedText(last) !== 'never' ? usedText(last) : good.length > 0 ? 'never' : '',
  ]
}
