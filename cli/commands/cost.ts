import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import type { Breakdown } from '../../f/hai/core/cost/shape.ts'
import { count, examples, JSON_OPTION, TASK_ID } from '../command.ts'
import type { ReportFlags } from '../cost/report.ts'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'

const BREAKDOWNS: readonly Breakdown[] = [
  'agent',
  'source',
  'requester',
  'route',
  'backend',
  'model',
  'billing',
]

interface Json {
  json?: boolean
}

/**
 * `hai cost …`: what model calls cost, and the caps on it. As `cost` has options of its own, commander gives it `--json`
 * wherever that stands, and its subcommands ask for it there.
 */
export function addCost(program: Command, session: Session): void {
  const cost: Command = program
    .command('cost')
    .description('what model calls cost: by day, agent, source, model and route')
    .helpCommand(false)
    .option('--days <n>', 'so many days, today included; 7 when nothing is said', count)
    .option('--since <day>', 'the first day: 2026-11-27, today or yesterday')
    .option('--until <day>', 'the last day, included')
    .option('--by <what>', `only by these, with a comma between: ${BREAKDOWNS.join(', ')}`, breakdowns)
    .option('--tz <zone>', 'days as they are there, such as Pacific/Auckland')
    .option(...JSON_OPTION)
    .addOption(
      new Option('--csv', 'print a line for each day, or with --by for each of those').conflicts('json'),
    )
    .addOption(
      new Option('--html <file>', 'write a page that needs nothing else; - prints it').conflicts([
        'json',
        'csv',
        'by',
      ]),
    )
    .hook('preSubcommand', (_, verb) => refuseReportOptions(cost, verb))
    .action(session.run(async (flags: ReportFlags) => (await report()).showReport(session, flags)))
  examples(
    cost,
    'hai cost',
    'hai cost --days 30 --by model',
    'hai cost --since 2026-11-01 --html november.html',
  )
  addTask(cost, session)
  addCap(cost, session)
  addImport(cost, session)
}

/** What says which report is meant means nothing to what is none; commander takes it for `cost` wherever it stands. */
function refuseReportOptions(cost: Command, verb: Command): void {
  const given = cost.options.filter((one) => cost.getOptionValueSource(one.attributeName()) === 'cli')
  const option = given.find(({ long }) => long !== JSON_OPTION[0])
  if (!option) return
  const path = [cost.parent!.name(), cost.name(), verb.name()].join(' ')
  throw new Failure('usage', `${option.long} is for the report, and means nothing to ${path}`, {
    next: `see: ${path} --help`,
  })
}

function addTask(cost: Command, session: Session): void {
  const task = cost
    .command('task')
    .description('what each model call of a task cost')
    .argument(...TASK_ID)
    .option(...JSON_OPTION)
    .action(
      session.run(async (id: string, _own: Json, command: Command) =>
        (await report()).showTask(session, id, command.optsWithGlobals<Json>().json),
      ),
    )
  examples(task, 'hai cost task @')
}

function addCap(cost: Command, session: Session): void {
  const cap = cost.command('cap').description('change what may be spent').helpCommand(false)
  const raise = cap
    .command('raise')
    .description('let more be spent for a while; it is written down who did it')
    .argument('<usd>', 'how much more, in USD', usdOf)
    .option('--today', 'until the day is over')
    .option(
      '--cap <name>',
      'which cap of the budget; the one on each day of everybody together when not given',
    )
    .option(...JSON_OPTION)
    .action(
      session.run(async (usd: number, _own: Json, command: Command) =>
        (await import('../cost/cap.ts')).raiseCap(session, usd, command.optsWithGlobals()),
      ),
    )
  examples(raise, 'hai cost cap raise 10 --today')
  examples(cap, 'hai cost cap raise 10 --today')
}

function addImport(cost: Command, session: Session): void {
  const command = cost
    .command('import')
    .description('count what was spent outside of hai, too; again and again, as nothing is counted twice')
    .addArgument(new Argument('<tool>', 'whose usage files are read').choices(['claude-code']))
    .argument('[dir]', 'where they are; CLAUDE_CONFIG_DIR or ~/.claude when not given')
    .addOption(
      new Option('--billing <kind>', 'how its calls were paid for').choices(['subscription', 'metered']),
    )
    .option(...JSON_OPTION)
    .action(
      session.run(async (_tool: string, dir: string | undefined, _own: Json, command: Command) =>
        (await import('../cost/import.ts')).importClaudeCode(session, dir, command.optsWithGlobals()),
      ),
    )
  examples(command, 'hai cost import claude-code', 'hai cost import claude-code /backup/.claude')
}

const report = () => import('../cost/report.ts')

function breakdowns(text: string): Breakdown[] {
  const names = text.split(',').map((name) => name.trim())
  const known = names.filter((name): name is Breakdown => BREAKDOWNS.some((one) => one === name))
  if (known.length === names.length) return known
  throw new InvalidArgumentError(`Expected some of ${BREAKDOWNS.join(', ')}, with a comma between.`)
}

function usdOf(text: string): number {
  const usd = /^\$?\d+(\.\d{1,6})?$/.test(text) ? Number(text.replace('$', '')) : 0
  if (usd > 0) return usd
  throw new InvalidArgumentError('Expected an amount in USD above 0, such as 10 or 2.50.')
}
