import type { TodoStatus } from '../todo/shape.ts'
import { whole } from './grammar.ts'
import {
  calledReference,
  idReference,
  quotedReference,
  type TodoReference,
  todoReference,
} from './todo_reference.ts'
import { asksSomething, isImperative, LIST, MARKER, WHOSE } from './vocabulary.ts'

/** What is to become of which todo. */
export interface Closing {
  status: TodoStatus
  todo: TodoReference
  /** Where no todo is like that it was said of something else. */
  loose?: true
}

const THE_TODO = '(?:(?:the\\s+|my\\s+)?todo)'
const DONE = '(?:done|finished|complete|completed)'
const FINISH = '(?:finish|complete|close|tick off|check off|cross off)'
const OFF = '(?:tick|check|cross|mark)'
const DROP = '(?:drop|delete|remove|discard|scrap|bin|ditch|erase|trash|lose|clear|get rid of|strike)'
const REOPEN =
  '(?:re-?open|un-?tick|un-?check|un-?drop|un-?delete|restore|bring back|resurrect|revive|reinstate|re-?add|undrop|undelete)'
const OFF_LIST = `(?:off|from|out of)\\s+(?:of\\s+)?(?:${WHOSE}\\s+)?${LIST}`
const ON_LIST = `(?:on|onto|to|in)\\s+(?:${WHOSE}\\s+)?${LIST}`
const CALLED = `(?:(?:the|my|that|our)\\s+)?.+?\\s+${MARKER}`
const ABOUT = `(?:the|my|that|a)\\s+${MARKER}\\s+(?:about|for|with|that says|called|named|to|saying)\\s+.+`
const BY_MISTAKE = '(?:by mistake|by accident|accidentally|too early|too soon|wrongly|prematurely)'
const AFTER_ALL = '(?:\\s+(?:after all|yet|actually|really|at all|any ?more|any longer))*'
const IT = '(?:it|that|this|that one|this one)'
const THEN_OFF = `(?:\\s*[,;.–—-]?\\s*(?:so\\s+|and\\s+|please\\s+|you can\\s+|can you\\s+)*(?:${OFF}\\s+${IT}\\s+(?:off|as\\s+done|done|complete)|close\\s+${IT}|take\\s+${IT}\\s+${OFF_LIST}|${OFF}\\s+off\\s+${IT}|mark\\s+${IT}.*))`
const SAYS_SO =
  "(?:\\s*[,;.–—-]?\\s*(?:i['’]?m not (?:doing|going to do) (?:it|that)|i (?:won['’]?t|will not) do (?:it|that)|not (?:doing|needed|going to happen).*|no (?:need|longer needed).*|(?:it['’]?s |its )?(?:not (?:needed|necessary|relevant)|obsolete|pointless).*|don['’]?t (?:need|want) (?:it|that).*))?"
/** `…, drop it`, after why. */
const THEN_DROP = `(?:\\s*[,;.–—-]\\s*(?:so\\s+|and\\s+|please\\s+|just\\s+|you can\\s+|can you\\s+)*(?:${DROP})\\s+${IT}(?:\\s+${OFF_LIST})?)`
const OPEN_AGAIN = `(?:re-?open\\s+${IT}|open\\s+${IT}\\s+(?:up\\s+)?again|put\\s+${IT}\\s+back.*|bring\\s+${IT}\\s+back|undo\\s+${IT}|un-?tick\\s+${IT}|un-?check\\s+${IT})`

type Read = (text: string) => TodoReference | undefined

const idOrQuoted: Read = (text) => idReference(text) ?? quotedReference(text)
/** After a verb alone an id must be beyond doubt: `drop node3` and `finish step2` are not about todos. */
const sureId: Read = (text) => idReference(text, 6) ?? quotedReference(text)
/** `complete todo order a cable`, but not `complete todo support`, nor anything about a todo list. */
const severalWords: Read = (text) =>
  /\s/.test(text) && !/^(?:list|item|app)\b/i.test(text)
    ? todoReference(text.replace(/^(?:about|with|called|named|saying|that says)\s+(?:the\s+)?/i, ''))
    : idOrQuoted(text)
/** What a person calls a todo, and not a question about something of that kind. */
const called: Read = (text) => (asksSomething(text) || NO_NAME.test(text) ? undefined : calledReference(text))
const NO_NAME = /[:;()[\]{}<>=`]|^.{80}|^[^"“]*,/
/** What was done, as people tell it: `called`, `picked up`, `bought`. */
const DID =
  '(?:\\p{L}+ed|bought|brought|paid|sent|sold|made|done|did|written|wrote|taken|took|fed|got|put|set|cut|hung|built|dug|swept|given|gave|rung|rang|cleaned)(?:\\s+(?:up|off|out|down|in|away|back|over))?'

const VERB_OF: Record<string, string> = {
  bought: 'buy',
  brought: 'bring',
  paid: 'pay',
  sent: 'send',
  sold: 'sell',
  made: 'make',
  written: 'write',
  taken: 'take',
  fed: 'feed',
  got: 'get',
  hung: 'hang',
  built: 'build',
  dug: 'dig',
  swept: 'sweep',
  given: 'give',
  rung: 'ring',
}

/** "The parcel's been picked up" is said of the todo that says both `parcel` and `pick up`. */
const perfect: Read = (text) => {
  const [, thing, verb, rest = ''] =
    text.match(
      /^(?:(?:the|my|that|our)\s+)?(.+?)(?:['’]s|\s+has|\s+have)\s.*?\bbeen\s+(\p{L}+)(\s+\p{L}+)?$/iu,
    ) ?? []
  if (!thing || !verb || !called(thing)) return undefined
  const stem =
    VERB_OF[verb.toLowerCase()] ??
    verb
      .toLowerCase()
      .replace(/(?:i?ed)$/, '')
      .replace(/([bdgmnpt])\1$/, '$1')
  return { words: `${thing} ${stem}${rest}` }
}

/** As a todo begins: `call mum is done`, and not `the backup is done`. */
const deed: Read = (text) => (isImperative(text) ? called(text) : sureId(text))

interface Form {
  pattern: RegExp
  status: TodoStatus
  read: Read
  loose?: true
}

const FORMS: Form[] = [
  form(
    'open',
    `(?:mark|set)\\s+(.+?)\\s+(?:back\\s+)?(?:as\\s+|to\\s+)?(?:not\\s+(?:yet\\s+)?${DONE}|undone|un-?finished|incomplete|open(?:\\s+again)?|not\\s+complete)${AFTER_ALL}`,
    called,
  ),
  form('done', `mark\\s+(?:${THE_TODO}:?\\s+)?(.+?)\\s+(?:as\\s+)?(?:${DONE}|closed)`, todoReference),
  form('done', `(?:${FINISH}|done)\\s+${THE_TODO}:\\s*(.+)`, todoReference),
  form('done', `${FINISH}\\s+${THE_TODO}\\s+(.+)`, severalWords),
  form('done', `done(?:\\s+with)?:?\\s+(?:${THE_TODO}\\s+)?(.+)`, idOrQuoted),
  form('done', `(?:done|finished|completed)\\s*:\\s*(.+)`, called),
  form('done', `(?:done|finished|completed)\\s*[,–—-]\\s+(.+)`, deed, true),
  form(
    'done',
    `(?:tick|check|cross)\\s+off\\s+(.+?)(?:\\s+(?:on|from)\\s+${WHOSE}\\s+${LIST})?`,
    called,
    true,
  ),
  form(
    'done',
    `(?:i|we)(?:['’]?ve|\\s+have)?\\s+(?:just\\s+|already\\s+|finally\\s+)*${DID}\\s+(.+?)${THEN_OFF}`,
    called,
    true,
  ),
  form(
    'done',
    `(.+?)\\s+(?:(?:is|was|has been|got|are|were)\\s+)?(?:now\\s+|all\\s+)?${DID}${THEN_OFF}`,
    called,
    true,
  ),
  form(
    'done',
    `(.+?(?:['’]s|\\s+has|\\s+have)\\s+(?:now\\s+|already\\s+|just\\s+|finally\\s+)*been\\s+${DID})(?:\\s+(?:now|already))?${THEN_OFF}?`,
    perfect,
    true,
  ),
  form('done', `${OFF}\\s+(.+?)\\s+(?:${OFF_LIST}|off)`, called, true),
  form('done', `${FINISH}\\s+(.+)`, sureId),
  form('done', `(?:${FINISH})\\s+(${ABOUT}|${CALLED})`, called, true),
  form('done', `${THE_TODO}\\s+(\\S+)\\s+is\\s+${DONE}`, idOrQuoted),
  form('done', `(\\S+)\\s+is\\s+${DONE}`, sureId),
  form(
    'done',
    `(.+?)\\s+(?:is|has been|was|got)\\s+(?:now\\s+|all\\s+|already\\s+)?(?:${DONE}|taken care of|sorted|dealt with)(?:\\s+(?:now|already))?${THEN_OFF}?`,
    doneThing,
    true,
  ),
  form(
    'done',
    `(?:(?:i|we)(?:['’]?ve|\\s+have)?\\s+)?(?:just\\s+|already\\s+|now\\s+|finally\\s+)*(?:done|did|finished|completed|taken care of|took care of|sorted|dealt with|got)\\s+(${ABOUT}|${CALLED})(?:\\s+(?:done|already|now|today))*${THEN_OFF}?`,
    called,
    true,
  ),
  form(
    'done',
    `(?:(?:i|we)(?:['’]?ve|\\s+have)?\\s+)?(?:just\\s+|already\\s+|finally\\s+)*(?:done|did|finished|completed)\\s+(?:with\\s+)?(.+?)${THEN_OFF}`,
    called,
    true,
  ),
  form('done', `(.+?)\\s*[,;.–—-]\\s*(?:done|finished|completed)`, deed, true),
  form('done', `(.+?)\\s+(?:done|finished|completed)`, deed, true),
  form(
    'done',
    `(?:i['’]?m|i am|we['’]?re)\\s+(?:done|finished|through)\\s+with\\s+(${ABOUT}|${CALLED})`,
    called,
    true,
  ),
  form('dropped', `mark\\s+(?:${THE_TODO}:?\\s+)?(.+?)\\s+(?:as\\s+)?dropped`, todoReference),
  form('dropped', `(?:${DROP}|cancel)\\s+${THE_TODO}:\\s*(.+)`, todoReference),
  form('dropped', `(?:${DROP}|cancel)\\s+${THE_TODO}\\s+(.+)`, idOrQuoted),
  form('dropped', 'drop\\s+(.+)', sureId),
  form('dropped', `(?:${DROP}|take|get|strike|cross|scratch|wipe)\\s+(.+?)\\s+${OFF_LIST}${SAYS_SO}`, called),
  form(
    'dropped',
    `(?:${DROP}|forget(?:\\s+about)?|never\\s?mind(?:\\s+about)?|skip|scratch|dismiss)\\s+(${ABOUT}|${CALLED})${SAYS_SO}`,
    called,
    true,
  ),
  form('dropped', '(?:drop|scrap|skip)\\s+(.+)', deed, true),
  form('dropped', `cancel\\s+(?:the|my)\\s+(.+?\\s+(?:todo|to-do|reminder|item|entry))`, called, true),
  form(
    'dropped',
    `(?:i|we)\\s+(?:don['’]?t|do not|no longer|won['’]?t)\\s+(?:need|want|have|care about|do)\\s+(?:to\\s+do\\s+)?(${ABOUT}|${CALLED})(?:\\s+(?:any ?more|any longer|after all|now))*${THEN_DROP}?`,
    called,
    true,
  ),
  form(
    'dropped',
    `(?:i|we)\\s+(?:don['’]?t|do not|no longer|won['’]?t)\\s+(?:need|want|have|going)\\s+to\\s+(.+?)(?:\\s+(?:any ?more|any longer|after all|now))+`,
    deed,
    true,
  ),
  form(
    'dropped',
    `(?:i|we)\\s+(?:won['’]?t|will not|don['’]?t need to|do not need to|am not going to)\\s+(.+?)${THEN_DROP}`,
    called,
    true,
  ),
  form(
    'dropped',
    `(.+?)\\s+(?:can|should|may|must|could)\\s+(?:now\\s+)?(?:come|go|be\\s+(?:taken|struck|removed|dropped|deleted|scratched))\\s+${OFF_LIST}`,
    called,
    true,
  ),
  form(
    'dropped',
    `(${ABOUT}|${CALLED})\\s+(?:is|can be)\\s+(?:no longer needed|not needed(?: any ?more)?|obsolete|dropped|deleted|removed|cancelled|off|moot|irrelevant|pointless)(?:\\s+now)?`,
    called,
    true,
  ),
  form(
    'dropped',
    `(?:i['’]?m|i am|we['’]?re)\\s+not\\s+(?:doing|going to do)\\s+(${ABOUT}|${CALLED})(?:\\s+(?:any ?more|after all))*${THEN_DROP}?`,
    called,
    true,
  ),
  // the commands, as answers give them for taking something back
  form('done', 'todo\\s+done\\s+(.+)', idOrQuoted),
  form('dropped', 'todo\\s+drop\\s+(.+)', idOrQuoted),
  form('open', 'todo\\s+reopen\\s+(.+)', idOrQuoted),
  form('open', `${REOPEN}\\s+${THE_TODO}:\\s*(.+)`, todoReference),
  form('open', `${REOPEN}\\s+${THE_TODO}\\s+(.+)`, severalWords),
  form('open', `${REOPEN}\\s+(.+)`, sureId),
  form('open', `(?:un-?tick|un-?check|un-?drop|un-?delete)\\s+(.+)`, called, true),
  form(
    'open',
    `(.+?)\\s+(?:still\\s+)?(?:needs|has|need|have)\\s+(?:still\\s+)?(?:doing|to be done|doing again)${AFTER_ALL}\\s*[,;.–—-]?\\s*(?:please\\s+|so\\s+|can you\\s+)*${OPEN_AGAIN}`,
    called,
    true,
  ),
  form('open', `${REOPEN}\\s+(.+?)(?:\\s+(?:again|please))?`, deed, true),
  form(
    'open',
    `[^?]{3,80}[,;.–—-]\\s+(?:so\\s+|please\\s+)*(?:${REOPEN}|open)\\s+(${ABOUT}|${CALLED})(?:\\s+again)?`,
    called,
    true,
  ),
  form('open', `(?:${REOPEN}|open)\\s+(${ABOUT}|${CALLED})(?:\\s+(?:again|up|back up))*`, called, true),
  form(
    'open',
    `(?:put|move|add|stick|get|bring|place|set)\\s+(.+?)\\s+back\\s+(?:again\\s+)?${ON_LIST}`,
    called,
    true,
  ),
  form('open', `(?:put|add|stick)\\s+back\\s+(.+?)(?:\\s+${ON_LIST})?`, called, true),
  form('open', `(?:bring|take)\\s+(${ABOUT}|${CALLED})\\s+back`, called, true),
  form(
    'open',
    `(.+?)\\s+(?:isn['’]?t|is not|wasn['’]?t|was not|hasn['’]?t been|has not been)\\s+(?:actually\\s+|really\\s+|quite\\s+)*(?:${DONE})${AFTER_ALL}(?:\\s*,?\\s*${OPEN_AGAIN})?`,
    doneThing,
    true,
  ),
  form(
    'open',
    `(?:i|we)\\s+(?:haven['’]?t|have not|didn['’]?t|did not)\\s+(?:actually\\s+|really\\s+)*(?:done|do|finished|finish|completed|complete)\\s+(${ABOUT}|${CALLED}|.+?(?=\\s+(?:after all|yet)))${AFTER_ALL}(?:\\s*,?\\s*${OPEN_AGAIN})?`,
    called,
    true,
  ),
  form(
    'open',
    `(?:i|we)\\s+(?:accidentally\\s+)?(?:ticked|checked|crossed|marked)\\s+(?:off\\s+)?(.+?)(?:\\s+(?:off|as done|done))?(?:\\s+${BY_MISTAKE})(?:\\s*[,;.–—-]?\\s*(?:please\\s+|can you\\s+|so\\s+)*${OPEN_AGAIN})?`,
    called,
    true,
  ),
  form(
    'open',
    `(?:i|we)\\s+(?:accidentally\\s+|wrongly\\s+)?(?:ticked|checked|crossed|marked|dropped|closed|deleted)\\s+(?:off\\s+)?(.+?)(?:\\s+(?:off|as done|done))?\\s*[,;.–—-]\\s*(?:please\\s+|can you\\s+|so\\s+)*${OPEN_AGAIN}`,
    called,
    true,
  ),
  form(
    'open',
    `(?:i|we)\\s+(?:dropped|closed|deleted|removed|finished)\\s+(.+?)\\s+${BY_MISTAKE}`,
    called,
    true,
  ),
  form(
    'open',
    `(${ABOUT}|${CALLED})\\s+(?:still\\s+)?(?:needs|has)\\s+(?:still\\s+)?(?:doing|to be done)(?:\\s+(?:again|after all))*`,
    called,
    true,
  ),
  form(
    'open',
    `(${ABOUT}|${CALLED})\\s+(?:is|was)\\s+(?:still\\s+)?(?:open|undone|unfinished)(?:\\s+(?:again|after all))*`,
    called,
    true,
  ),
]

function form(status: TodoStatus, pattern: string, read: Read, loose?: true): Form {
  return { status, pattern: whole(pattern), read, ...(loose && { loose }) }
}

const MARKED = new RegExp(
  `^(?:(?:the|my|that|our)\\s+.+\\s+${MARKER}|.+\\s+(?:todo|to-do|reminder))$|^(?:the|my)\\s+${MARKER}\\s+(?:about|to|for)\\s`,
  'iu',
)

function doneThing(text: string): TodoReference | undefined {
  return MARKED.test(text) ? called(text) : deed(text)
}

/** Nobody names a todo in more. */
const LONGEST = 600

/** What an utterance says of a todo that there is; undefined when it says nothing of one. */
export function closingIn(said: string): Closing | undefined {
  const text = said.replace(/(?<![.!])[.!]+$/, '')
  if (text.length > LONGEST) return undefined
  for (const { pattern, status, read, loose } of FORMS) {
    const reference = text.match(pattern)?.[1]
    const todo = reference && read(reference.trim())
    if (todo) return { status, todo, ...(loose && { loose }) }
  }
  return undefined
}
