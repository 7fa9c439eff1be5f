import type { Caller } from '../base/caller.ts'

/** Commands, files and programs that are the operator's, as next steps name them. */
const OPERATORS =
  /\bhai (model (add|enable|disable|default|test)|config|cost cap|doctor|up|down|logs|worker|member|auth token|admin)\b|\b(models|budget|members)\.yaml\b|\b(start|install) [A-Z]|\bstart \w+, or mend|\bapi_key\b|\bcorrect the\b|\badd credit\b|\braise \S+ (in|of)\b|NODE_EXTRA_CA_CERTS|\bthen \/login\b|\bmend that file\b/

/** A next step as this caller is told it: what is not the caller's to do the operator is asked for. */
export function toldTo({ role }: Pick<Caller, 'role'>, step: string): string {
  if (role !== 'member') return step
  const clauses = step.split('; ')
  // what keeps the caller's text repeats it, and is the caller's own to type
  const own = clauses.findIndex((clause) => clause.startsWith('to keep it: '))
  const first = clauses.slice(0, own < 0 ? undefined : own).findIndex((clause) => OPERATORS.test(clause))
  return clauses.map((clause, at) => (at === first ? `ask the operator: ${clause}` : clause)).join('; ')
}

/** The same of whatever carries one. */
export function withStepFor<T extends { next_step?: string } | null | undefined>(
  caller: Pick<Caller, 'role'>,
  told: T,
): T {
  return told?.next_step === undefined ? told : { ...told, next_step: toldTo(caller, told.next_step) }
}
