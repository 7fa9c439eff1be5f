import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { runWorker } from '../../worker/main.ts'
import type { WorkerFlags } from '../../worker/service.ts'
import { collect, count, examples, lengthOfTime } from '../command.ts'
import { Failure } from '../failure.ts'
import { checkout } from '../files.ts'
import type { Session } from '../session.ts'

/** `hai worker run`: a worker on this machine for the queue of any server. */
export function addWorker(program: Command, session: Session): void {
  const worker = program
    .command('worker')
    .description("answer a server's tasks with what this machine has")
    .helpCommand(false)

  const run = worker
    .command('run')
    .description('take tasks and answer them until Ctrl-C')
    .option(
      '--backend <name>',
      'ask NAME or NAME/MODEL: one of models.yaml, ollama, claude-code or anthropic; takes what waits for it',
    )
    .option('--lane <name>', 'take tasks of this lane; may be repeated', collect)
    .option('--concurrency <n>', 'so many tasks at once (2; 1 of a local model)', count)
    .option('--name <name>', 'what the history of a task calls this worker (host and process)')
    .option('--grace <time>', 'when told to stop, finish tasks at hand for so long (30s)', lengthOfTime)
    .option('--service', 'write a service that runs this whenever you are logged in, and say how to start it')
    .action(
      session.run((flags: WorkerFlags) => loadWorker().runWorker(flags, session.io, session.profileFlag)),
    )
  examples(
    run,
    'hai worker run --backend claude-code',
    'hai worker run --lane batch --concurrency 4',
    'hai worker run --backend claude-code --service',
  )
  examples(worker, 'hai worker run --backend claude-code')
}

/** It brings the models' providers, which no other command is to pay for. */
function loadWorker(): { runWorker: typeof runWorker } {
  const file = join(checkout(), 'build', 'worker.cjs')
  if (!existsSync(file)) throw new Failure('bug', 'the worker is not built', { next: 'npm run build' })
  return createRequire(import.meta.url)(file) as { runWorker: typeof runWorker }
}
