import type { Command } from 'commander'
import type { Home } from '../../f/hai/core/shape.ts'
import { examples, given, JSON_OPTION, moment } from '../command.ts'
import type { Session } from '../session.ts'
import { localFindings } from '../settings/local.ts'
import { inPlace } from '../settings/notes.ts'
import { homeLines } from '../show/home.ts'

/** `hai` alone, and `hai home`: what matters now. */
export function addHome(program: Command, session: Session): void {
  const home = program
    .command('home')
    .description('what matters now and what is new; the same as hai alone')
    .option('--since <time>', 'what finished and failed since then (2h, today, 2026-11-27)', moment)
    .option(...JSON_OPTION)
    .action(
      session.run(async ({ since, json }: { since?: string; json?: boolean }) => {
        // only of a person it is known what was seen
        const looks = session.columns !== undefined && since === undefined && !json
        const seen = looks ? await session.newsSince() : {}
        const now = await session.call<Home>('home', given({ since, ...seen }))
        if (json) session.printJson(now)
        else session.print(...(await homeLines(await withProblems(now, session), session, { seen })))
        if (looks) await session.lookedNow(now.as_of)
        return undefined
      }),
    )
  examples(home, 'hai', 'hai home --since 2h')
}

/** With what only this machine knows of its stack, and each setting's own place. */
async function withProblems(now: Home, session: Session): Promise<Home> {
  const known = await Promise.all((now.problems ?? []).map((problem) => inPlace(session, problem)))
  const found = (await localFindings(session)).map(({ text, fix }) => `${text} → ${fix}`)
  const problems = [...known, ...found]
  return problems.length > 0 ? { ...now, problems } : now
}
