import type { Command } from 'commander'
import { examples } from '../command.ts'
import { EXIT } from '../failure.ts'
import type { Session } from '../session.ts'
import { tell } from '../show/finding.ts'

/** `hai doctor`: one line per check, and for each that fails the way to mend it. */
export function addDoctor(program: Command, session: Session): void {
  const doctor = program
    .command('doctor')
    .description('check everything hai needs; each failure comes with its cure')
    .option('--cluster', 'look also at what lives in the cluster, beside what was generated')
    .action(session.run(({ cluster }: { cluster?: boolean }) => examine(session, cluster)))
  examples(doctor, 'hai doctor', 'hai doctor --profile nas', 'hai doctor --cluster')
}

/** Tells each finding as it comes; the exit status says whether one is bad. */
async function examine(session: Session, cluster = false): Promise<number> {
  const { CHECKS } = await import('../doctor/checks.ts')
  const checks = [...CHECKS]
  if (cluster) {
    const { clusterFindings } = await import('../gitops/status.ts')
    checks.push(() => clusterFindings())
  }
  let failed = 0
  for (const check of checks) {
    for (const finding of await check(session)) {
      if (finding.verdict === 'bad') failed += 1
      tell(session, finding)
    }
  }
  return failed > 0 ? EXIT.findings : EXIT.done
}
