import type { Ending } from './protocol.ts'

type Finished = Extract<Ending, { kind: 'finished' }>

/** What is kept of a run that reached its end, by Windmill's rules for streams and `wm_failure`. */
export function outcomeOf(ending: Finished, streamed: string): Omit<Finished, 'kind'> {
  return withFailure(withStream(ending, streamed))
}

/** What was streamed is the result where there is no other, and `wm_stream` of one that is an object. */
function withStream(ending: Finished, text: string): Finished {
  const { success, result } = ending
  if (!success || text === '') return ending
  const stream = JSON.stringify(text)
  if (result === 'null') return { ...ending, result: stream }
  if (!result.startsWith('{')) return ending
  const comma = result === '{}' ? '' : ','
  return { ...ending, result: `${result.slice(0, -1)}${comma}"wm_stream":${stream}}` }
}

/** A script that returns `wm_failure` failed, and says so in the result that is kept. */
function withFailure(ending: Finished): Omit<Finished, 'kind'> {
  if (!ending.shaped || !ending.success) return ending
  const given = JSON.parse(ending.result) as Record<string, unknown>
  const message = given.wm_failure
  // Windmill reads a text there, and takes what is none for any field
  if (typeof message !== 'string') return ending
  const result = JSON.stringify({ ...given, error: { name: 'ManualFailure', message } })
  return { success: false, shaped: true, result }
}
