import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { runServe, ServeFlags } from '../../serve/main.ts'
import { collect, examples, lengthOfTime } from '../command.ts'
import { Failure } from '../failure.ts'
import { checkout } from '../files.ts'
import type { Session } from '../session.ts'

/** `hai serve`: what chat clients call, for the house of any profile. The local stack has one of its own. */
export function addServe(program: Command, session: Session): void {
  const serve = program
    .command('serve')
    .description('serve chat clients; the local stack does so by itself')
    .option('--listen <address>', 'HOST:PORT, or a port of this machine alone (127.0.0.1:4425)')
    .option('--allow-origin <origin>', 'let pages of this origin call; may be repeated', collect)
    .option('--grace <time>', 'when told to stop, let answers end for so long (10s)', lengthOfTime)
    .action(session.run((flags: ServeFlags) => loadServe().runServe(flags, session.io, session.profileFlag)))
  examples(
    serve,
    'hai serve --profile nas',
    'hai serve --profile nas --listen 0.0.0.0:4425 --allow-origin https://chat.example.com',
  )
}

/** It brings an HTTP server, which no other command is to pay for. */
function loadServe(): { runServe: typeof runServe } {
  const file = join(checkout(), 'build', 'serve.cjs')
  if (!existsSync(file)) throw new Failure('bug', 'the server is not built', { next: 'npm run build' })
  return createRequire(import.meta.url)(file) as { runServe: typeof runServe }
}
