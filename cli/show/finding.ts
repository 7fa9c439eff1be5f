import type { Session } from '../session.ts'
import { oneLine } from './width.ts'

/** What a check found; `fix` is the next command or act. */
export interface Finding {
  what: string
  verdict: 'good' | 'bad' | 'unsure'
  text: string
  fix?: string
}

/** Prints one finding, and below it what mends it. */
export function tell(session: Session, { what, verdict, text, fix }: Finding): void {
  const { green, red, yellow, dim } = session.paint
  const sign = { good: green('✓'), bad: red('✗'), unsure: yellow('–') }[verdict]
  session.print(`${sign} ${oneLine(`${what}: ${text}`)}`)
  if (fix) session.print(`  ${dim('→')} ${oneLine(fix)}`)
}
