import type { Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import { shortId } from '../base/ids.ts'
import { cancel, retry } from '../task/change.ts'
import type { TaskSummary } from '../task/shape.ts'
import { type Asker, asked, type Intent, type Reply, unchanged, whole } from './grammar.ts'
import { namedTask, resolveTask, type TaskReference, type Verb } from './task_reference.ts'

const IT = '(?:it|that|this|(?:that|this) (?:one|task|job|question|run|request|ask|prompt|query|thing))'
const KIND = '(?:task|job|question|one|run|request|ask|prompt|query|thing)'
const LAST =
  `(?:(?:the |my |that )?(?:very )?(?:last|latest|previous|most recent|newest) (?:failed |dead |cancelled |broken )?${KIND}(?: (?:again|that failed|i asked|i sent))?` +
  `|(?:the |that )?(?:failed|dead|broken) ${KIND}|(?:the |that )?${KIND} that (?:just )?(?:failed|died)|what (?:just )?failed)`
const ID = '(?<id>[0-9a-tv-z]{4,26})'
/** `task 7F3K2M`, or an id that can be no word. */
const OF_ID = `(?:(?:the )?(?:task|job) ${ID}|(?<sure>(?=[a-z]*\\d)(?=\\d*[a-z])[0-9a-tv-z]{6}|[0-7][0-9a-tv-z]{25}))`
/** As the command is written, which an answer gives for taking it back: there an id may look like a word. */
const COMMANDED = '(?<id>[0-9a-hj-km-np-tv-z]{6})'
const WORDS = '(?<words>(?!last |latest |previous |first |same |following |above |whole )[^,;:?"]{3,60}?)'
/** Without a word that says what kind of thing it is: no longer than a task's name in passing. */
const FEW_WORDS =
  "(?<few>(?!last|latest|previous|first|same|following|above)(?:(?!(?:on|in|at|from|by|with|of|to|for|as|and|task|todo|reminder|item|entry|thing|change)\\b)[\\p{L}\\p{N}'._/-]+ ?){1,4})"
const ARTICLE = '(?:the|my|that)'
const SAY =
  '(?:(?:do not bother(?: with (?:it|that|this)(?: one)?)?(?: any ?more| any longer| now)?|leave it|enough|never ?mind|forget it|sorry|stop|do not bother|no need|changed my mind|i changed my mind)[,.!;:]? (?:and |just |please )*)?'

const AGAIN = '(?:again|once more|one more time|another time|anew|over again|over)'
const ANOTHER_GO = '(?:another|one more|a second) (?:go|try|shot|attempt|chance|run|spin|whirl)'
const REDO = '(?:retry|re-?run|redo|re-?do|re-?try|restart|re-?start|repeat|re-?submit|resend|re-?send)'
const RUN = '(?:try|run|do|start|attempt|send|submit|execute)'

/** Why it is to be done again. */
const WRONG =
  '(?:(?:that|it|this)(?: one| task| job)? (?:did not (?:work|finish|run|go through|help)|failed|broke|crashed|died|went wrong|was wrong|timed out)[,.;:!]? (?:so |please |and |just )*)?'

const RETRY = [
  `${WRONG}${REDO}(?: (?<that>${IT}))?(?: ${AGAIN})?`,
  `${REDO} (?<last>${LAST})(?: ${AGAIN})?`,
  `${WRONG}${RUN} (?<that>${IT}) ${AGAIN}`,
  `${RUN} (?<last>${LAST}) ${AGAIN}`,
  `${WRONG}(?:try|run|do) again`,
  `(?:have|take|give it|give that|give this|try|let us have) ${ANOTHER_GO}(?: at (?:it|that|this))?`,
  `give (?<last>${LAST}) ${ANOTHER_GO}`,
  `(?:please )?(?:once more|one more time|again)`,
  `(?:task )?${REDO} ${OF_ID}(?: ${AGAIN})?`,
  `${RUN} ${OF_ID} ${AGAIN}`,
  `task retry ${COMMANDED}`,
].map(whole)
const RETRY_WORDS = [
  `${REDO} ${ARTICLE} ${WORDS}(?: ${KIND})?(?: ${AGAIN})?`,
  `${RUN} ${ARTICLE} ${WORDS}(?: ${KIND})? ${AGAIN}`,
  `(?:give|have) ${ARTICLE} ${WORDS}(?: ${KIND})? ${ANOTHER_GO}`,
  `have ${ANOTHER_GO} at ${ARTICLE} ${WORDS}(?: ${KIND})?`,
].map(whole)

const STOP = '(?:cancel|abort|stop|kill|terminate|halt|quit|end)'
const DOING =
  '(?:what(?:ever)? (?:you are|it is|hai is) (?:doing|working on|running|busy with|at)|what is running|(?:the )?(?:current|running) (?:task|job|one|thing)|(?:the |that )?(?:task|job|one|thing|run) (?:(?:that|which) is )?(?:still )?(?:running|in progress|going on|being worked on))'

const CANCEL = [
  `${SAY}${STOP}(?: (?<that>${IT}))?`,
  `${SAY}${STOP} (?<last>${LAST})`,
  `${SAY}${STOP} (?<doing>${DOING})`,
  `${SAY}(?:do not|stop|quit) (?:do|doing|run|running|answer|answering|bother with|work on|working on)(?: (?<that>${IT}))?`,
  `(?:call|leave) (?<that>it|that) off`,
  `(?:call it off|scratch that one|never ?mind(?: (?:about )?(?:it|that)(?: one)?)?|forget (?:about )?(?:it|that|that one|that question))`,
  `i (?:do not|no longer) (?:need|want) (?:that|it|the answer)(?: (?:answer|any ?more|any longer))*`,
  `(?:task )?${STOP} ${OF_ID}`,
  `task cancel ${COMMANDED}`,
].map(whole)
const CANCEL_WORDS = [
  `${SAY}(?:cancel|abort|kill|stop|terminate|call off) ${ARTICLE} ${FEW_WORDS}`,
  `${SAY}${STOP} ${ARTICLE} ${WORDS} (?:task|job|question|one|run|request)`,
  `${SAY}${STOP} (?:the )?(?:task|job|question|one|request) (?:about|for|on|with|that says|called) (?:the )?${WORDS}`,
].map(whole)

function referenceIn({
  id,
  sure,
  words,
  few,
  doing,
  last,
}: Record<string, string | undefined>): TaskReference {
  if (id ?? sure) return { id: (id ?? sure)!.toUpperCase() }
  if (words ?? few) return { words: (words ?? few)!.trim() }
  return { points: doing ? 'doing' : last ? 'last' : 'that' }
}

const matcher = (patterns: readonly RegExp[]) => (said: string) => {
  const groups = asked(patterns, said)
  return groups && { task: referenceIn(groups) }
}

const RETRIED: Verb = {
  name: 'retry',
  states: ['dead', 'cancelled', 'expired', 'rejected'],
  none: 'no task of yours has failed, expired or was cancelled',
  rule: 'only what failed, expired or was cancelled can be retried',
}

export const retryTaskIntent: Intent<{ task: TaskReference }> = {
  name: 'retry a task',
  examples: ['retry the last one', 'give the backup summary another go'],
  changes: true,
  match: matcher([...RETRY, ...RETRY_WORDS]),

  run(sql, { task }, asker) {
    return change(sql, task, RETRIED, asker, async ({ id, state }) => {
      const again = await retry(sql, { id }, asker.caller, asker.firstLane)
      return {
        text: `retrying task ${namedTask(again)}, which ${state === 'dead' ? 'had failed' : `was ${state}`}`,
        undo: `hai task cancel ${shortId(id)}`,
        task: { id, state: again.state },
        data: again,
      }
    })
  },
}

const CANCELLED: Verb = {
  name: 'cancel',
  states: ['pending', 'running', 'awaiting_approval'],
  none: 'no task of yours waits or runs (“undo” takes back the last change of a todo)',
  rule: 'only what waits or runs can be cancelled',
}

export const cancelTaskIntent: Intent<{ task: TaskReference }> = {
  name: 'cancel a task',
  examples: ['cancel that', 'stop the photo import task'],
  changes: true,
  match: matcher([...CANCEL, ...CANCEL_WORDS]),

  run(sql, { task }, asker) {
    return change(sql, task, CANCELLED, asker, async ({ id, state }) => {
      const ended = await cancel(sql, { id }, asker.caller)
      return {
        text: `cancelled task ${namedTask(ended)}, which was ${state === 'running' ? 'running' : 'waiting'}`,
        undo: `hai task retry ${shortId(id)}`,
        task: { id, state: ended.state },
        data: ended,
      }
    })
  },
}

async function change(
  sql: Sql,
  reference: TaskReference,
  verb: Verb,
  asker: Asker,
  act: (task: TaskSummary) => Promise<Reply>,
): Promise<Reply | undefined> {
  const found = await resolveTask(sql, reference, verb, asker)
  if (!found || 'reply' in found) return found?.reply
  try {
    return await act(found.task)
  } catch (error) {
    if (!(error instanceof HaiError) || error.code !== 'conflict') throw error
    return unchanged(`${error.message}; nothing was changed`, error.details, 'conflict')
  }
}
