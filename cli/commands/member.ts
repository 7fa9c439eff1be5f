import { type Command, Option } from 'commander'
import { examples } from '../command.ts'
import type { AddFlags } from '../member/change.ts'
import type { Session } from '../session.ts'

/** `hai member …`: who may call. */
export function addMember(program: Command, session: Session): void {
  const member = program.command('member').description('choose who may call').helpCommand(false)

  const add = member
    .command('add')
    .description('let a person or a kind of machine call, as a user of its own')
    .argument('<name>', 'the name here')
    .addOption(
      new Option(
        '--role <role>',
        'member: sees no tasks of others; machine: works for others, sees all; operator: decides everything',
      )
        .choices(['member', 'machine', 'operator'])
        .makeOptionMandatory(),
    )
    .option('--user <name>', "the user's name in Windmill, when it is another")
    .option('--email <address>', 'the address in Windmill, from which a server makes the name of the user')
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
    .action(
      session.run(async ({ json }: { json?: boolean }) =>
        (await import('../member/list.ts')).list(session, json),
      ),
    )
  examples(ls, 'hai member ls')

  const rm = member
    .command('rm')
    .description('let somebody call no more; what was put down stays')
    .argument('<name>')
    .action(
      session.run(async (name: string) => (await import('../member/change.ts')).removeMember(session, name)),
    )
  examples(rm, 'hai member rm kim')
  examples(member, 'hai member add kim --role member', 'hai auth token add --for kim', 'hai member ls')
}
