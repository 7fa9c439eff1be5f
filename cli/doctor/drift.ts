import type { DriftReported } from '../../f/hai/core/base/contract.ts'
import type { Finding } from '../show/finding.ts'
import { relative } from '../show/time.ts'

/** So old may a report be. */
const HOURS = 48

const COMMANDS = {
  windmill: { look: 'npm run drift -- --report', mend: 'npm run drift, then npm run deploy' },
  cluster: { look: 'hai gitops status --report', mend: 'hai gitops status' },
}

/** What whoever compares with Git found last; that he still does is part of it. */
export function driftFinding({
  kind,
  target,
  compared,
  differences,
  examples,
  reported_by,
  reported_at,
}: DriftReported): Finding {
  const what = `drift of ${kind}`
  const { look, mend } = COMMANDS[kind]
  const hours = (Date.now() - Date.parse(reported_at)) / 3_600_000
  const by = `${reported_by}, ${relative(reported_at)}`
  if (differences > 0) {
    const more = differences > examples.length ? ` and ${differences - examples.length} more` : ''
    const text = `${differences} ${differences === 1 ? 'difference' : 'differences'} at ${target} (${by}): ${examples.join(', ')}${more}`
    return { what, verdict: 'bad', text, fix: mend }
  }
  const text = `${compared} things of ${target}, all as in Git (${by})`
  if (hours <= HOURS) return { what, verdict: 'good', text }
  return { what, verdict: 'unsure', text: `${text}; is whoever compares still there?`, fix: look }
}
