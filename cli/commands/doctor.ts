import type { Command } from 'commander'
import type { Finding } from '../checks.ts'
import { examples } from '../command.ts'
import type { Session } from '../session.ts'
import { oneLine } from '../width.ts'

/** `hai doctor`: one line per check, and for each that fails the way to mend it. */
export function addDoctor(program: Command, session: Session): void {
  const doctor = program
    .command('doctor')
    .description('check everything hai needs; each failure comes with its cure')
    .action(
      session.run(async () => {
        const { CHECKS } = await import('../checks.ts')
        const { green, red, yellow, dim } = session.paint
        let failed = 0
        for (const check of CHECKS) {
          for (const finding of await check(session)) {
            if (finding.verdict === 'bad') failed++
            const sign = { good: green('✓'), bad: red('✗'), unsure: yellow('–') }[finding.verdict]
            session.print(`${sign} ${lineOf(finding)}`)
            if (finding.fix) session.print(`  ${dim('→')} ${oneLine(finding.fix)}`)
          }
        }
        return failed > 0 ? 1 : 0
      }),
    )
  examples(doctor, 'hai doctor', 'hai doctor --profile nas')
}

function lineOf({ what, text }: Finding): string {
  return oneLine(`${what}: ${text}`)
}
