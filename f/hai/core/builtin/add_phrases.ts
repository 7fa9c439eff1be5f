import {
  asksSomething,
  IMPERATIVE,
  isImperative,
  LIST,
  POINTS_ELSEWHERE,
  QUOTED,
  WHOSE,
} from './vocabulary.ts'

/** What an utterance says is to be put down: as typed, its tags and its date where they stood in it. */
export interface Added {
  body: string
  /** A date that stood apart from the body: `on friday` of "remind me on friday to …". */
  date?: string
  /** How often, apart from the body: `every monday`, `daily at 8`. */
  every?: string
  priority?: 'high' | 'urgent' | 'low'
  /** What stood behind the end of the body: tags, a priority and a time, and nothing else. */
  trailer?: string
  /** Its body had no mark before it, so that "before friday" at its end may be when. */
  spoken?: true
  /** It is put down only if what stands apart or at its end was understood as a time. */
  needs?: 'time'
}

/** What is longer has its body behind a colon. */
const LONGEST = 400

const ADJECTIVES =
  '(?<adjectives>(?:(?:an?|the|me|my|new|another|quick|small|urgent|recurring|repeating|(?:high|low)[- ]priority)\\s+)*)'
const THING = '(?:(?:to-?do|to do|reminder|task)(?:\\s+item)?)'
const ON_LIST = `(?:to|on|onto|in|into)\\s+(?:${WHOSE}\\s+${LIST}|(?:the\\s+)?(?:to-?do|to do)\\s+list)`
const PUT = '(?:add|put|stick|pop|throw|chuck|place|get|have|write|note|enter|log|save|jot|include|file)'
const THAT = '(?:that|this|it)'
const EVERY =
  '(?:(?:every|each)\\s+(?:.+?)|(?:daily|weekly|monthly|yearly|annually|nightly|hourly|fortnightly|weekdays|once\\s+an?\\s+\\w+)(?:\\s+(?:at|on|in)\\s+.+?)?)'
const WHEN = `(?:(?<every>${EVERY})|(?<date>.+?)(?<!\\bquarter))`
/** Tags, a priority, a due date: all that may follow a body that has its own end. */
const TRAILER =
  '(?<trailer>\\s+(?:(?:due|by|on|for|before|until|at|every|each|daily|weekly|monthly|today|tonight|tomorrow|next|this)\\b|[#+!]\\p{L}).*)?'
const NOTE = '(?:note|memo)'
const SAYING =
  '(?:\\s*[:,–—-]\\s*|\\s+(?:that\\s+(?:says\\s+)?|saying\\s+|to self(?:\\s*[:,–—-]\\s*|\\s+)(?:that\\s+)?|down\\s*[:,]?\\s*|about\\s+|of\\s+|to\\s+)?)'
const REMIND = '(?:remind|nudge|ping|poke|nag|buzz|prod)\\s+(?:me|us)'
const FORGET = "(?:don['’]?t|do not|never)\\s+(?:let\\s+(?:me|us)\\s+)?forget"

const pattern = (text: string) => new RegExp(`^(?:${text})$`, 'iu')

/** `add todo: …`: the colon says where the body begins, so anything may follow. */
const COLON = pattern(
  `(?:(?:add|create|make|set)\\s+${ADJECTIVES}|new\\s+)?${THING}\\s*:\\s*(?<body>.+)` +
    `|(?:add|put)\\s+${ON_LIST}\\s*:\\s*(?<listed>.+)` +
    `|(?:(?:quick|new|add|add\\s+an?|make\\s+an?|take\\s+an?)\\s+)?${NOTE}(?:\\s+(?:to|for)\\s+(?:self|myself|me|later))?\\s*:\\s*(?<note>.+)` +
    '|(?:for the record|on my list|remember)\\s*:\\s*(?<kept>.+)',
)

type Check = (body: string) => boolean

interface Form {
  pattern: RegExp
  /** Whether this can be what a todo says, for forms that say other things as well. */
  isBody?: Check
  needs?: Added['needs']
}

const isSaid: Check = (body) => !POINTS_ELSEWHERE.test(body) && !asksSomething(body) && !/\bback$/i.test(body)
/** After "add todo": a thing that is made of todos is no todo. */
const NOT_OF_CODE =
  /^(?:to-?dos?|lists?|items?|apps?|comments?|support|features?|pages?|tracking|tracker|tables?|views?|widgets?|endpoints?|api|buttons?|class|component|model|schema|states?|txt|function|tests?|column|field|manager|in|vs|or|and|is|are|as|of|from|into|with|at|it|this|that|them|something|anything|(?:to\s+)?(?:my|the|our)\s+(?:(?:to-?do|to do)\s+)?(?:list|to-?dos))\b|^(?:to|for)?\s*(?:an?|the|this|these|those|all|any|our|your)\s+\p{L}+$/iu
const isTodo: Check = (body) => isSaid(body) && !NOT_OF_CODE.test(body) && !/^["“]/.test(body)
const isDeed: Check = (body) => isSaid(body) && isImperative(body)
/** Work for hands: what a model could be asked to write, run or look into is left to it. */
const FOR_A_MODEL =
  /^(?:"|“)?(?:answer|arrange|ask|change|cut|do|fix|get|give|have|let|look|make|measure|organi[sz]e|plan|print|reply|reword|run|save|schedule|set|sort|talk|tell|test|try|turn|verify|write|wrap)\b|\b(?:script|cron\S*|command|code|function|query|systemd|timer|job|loop|that|which|if|so|me)\b|[`{}();=<>|]/i
const isChore: Check = (body) => isDeed(body) && !FOR_A_MODEL.test(body) && body.split(/\s+/).length <= 8
/** `hai todo drop 7F3K2M`, pasted. */
const COMMAND = /^(?:done|drop|reopen|edit|show|run)\s+\S+$/i
/** What is to be written down: no piece of text that a model would write. */
const MADE =
  /^(?:an?|all|some|two|three|four|five|ten|your|the (?:formula|steps|code|lists?|equation|recipe|commands?|syntax|following|pros|differences?|names?|lyrics|alphabet|first|rules|main|most|best))\b/i
const isFact: Check = (body) =>
  isSaid(body) && !MADE.test(body) && !/\b(?:explain|summari[sz]e|tell me|translate)\b/i.test(body)
/** Of "remind me of …": what one can be reminded of at a time, and not what one has forgotten. */
const isMatter: Check = (body) =>
  isSaid(body) &&
  !/^(?:the )?(?:names?|difference|meaning|definition|word|title|command|syntax|rules?|way|time when|reasons?|basics)\b/i.test(
    body,
  )

const FORMS: Form[] = [
  // a body in quotes has its own end
  form(`(?:add|create|make|put)\\s+${ADJECTIVES}${THING}\\s+(?<body>${QUOTED})${TRAILER}`),
  form(`${PUT}\\s+(?<body>${QUOTED}|.+?)\\s+(?:down\\s+)?${ON_LIST}${TRAILER}`, isSaid),
  form(`(?:add|put)\\s+${ON_LIST}\\s+(?:to\\s+)?(?<body>.+)`, isTodo),
  form(
    `(?<body>.+?)\\s+(?:goes|belongs|should go|needs to go|has to go|must go|can go)\\s+(?:down\\s+)?${ON_LIST}${TRAILER}`,
    isDeed,
  ),
  form(`${PUT}\\s+(?<body>.+?)\\s+down\\s+for\\s+(?<date>.+)`, isDeed, 'time'),
  form(
    `(?:(?:an?other|an?|one more|new|next|quick)\\s+)*${THING}\\s*[,–—-]\\s*(?:to\\s+)?(?<body>.+)`,
    isDeed,
  ),
  form(
    `(?:i|we)(?:['’]?ve|\\s+have)?\\s+(?:still\\s+)?(?:need|have|want|ought|must|should|gotta|really need|got)(?:\\s+to)?\\s+(?<body>.+?)\\s*[,;.:–—-]\\s*(?:(?:and|so|please|can you|could you)\\s+)*(?:(?:${PUT}|make)\\s+${THAT}\\s+(?:down|(?:as\\s+|into\\s+)?an?\\s+${THING}|${ON_LIST})|(?:make a )?note(?: of)?(?: ${THAT})?(?: down)?|add ${THAT}|remind me(?: (?:about|of) ${THAT})?(?:\\s+(?:${WHEN}))?|don['’]?t let me forget(?: ${THAT})?)`,
    isSaid,
  ),
  form(
    `(?:add|create|make|put|set(?:\\s+up)?|save|give\\s+me|i\\s+(?:need|want))\\s+${ADJECTIVES}${THING}\\s+(?:(?:for|on|at)\\s+${WHEN}\\s+)?(?:to|about|for|called|saying|that\\s+says)\\s+(?<body>.+)`,
    isTodo,
  ),
  form(
    `(?:add|create|make|set(?:\\s+up)?|give\\s+me)\\s+${ADJECTIVES}reminder\\s+(?:for\\s+|on\\s+|at\\s+)?${WHEN}\\s*(?:[:,]|\\s(?:to|about|that|for)\\s)\\s*(?<body>.+)`,
    isSaid,
    'time',
  ),
  form(`(?:add|create)\\s+${ADJECTIVES}${THING}\\s+(?<body>.+)`, isTodo),
  form(`(?:make|set|set up|put)\\s+${ADJECTIVES}${THING}\\s+(?<body>.+)`, isDeed),
  form(`new\\s+${THING}\\s+(?<body>.+)`, isTodo),
  form(`(?:to-?do|reminder)\\s+(?:to\\s+)?(?<body>.+)`, (body) => isDeed(body) && !COMMAND.test(body)),
  form(`reminder\\s+(?:for|on|at)\\s+(?<date>[^,:–—]+?)\\s*[,:–—]\\s*(?:to\\s+)?(?<body>.+)`, isSaid, 'time'),
  form(`reminder\\s+to\\s+self\\s+(?:to\\s+)?(?<body>.+)`, isSaid),
  // to be told of it
  form(
    `${REMIND}(?:\\s+again)?(?:,?\\s+${WHEN},?)??\\s+(?:to|that\\s+(?:i|we)\\s+(?:have|need|must|want|should)(?:\\s+to)?)\\s+(?<body>.+)`,
    isSaid,
  ),
  form(
    `${WHEN},?\\s+(?:please\\s+|can you\\s+|could you\\s+)*${REMIND}\\s+(?:to|about|of|that)\\s+(?<body>.+)`,
    isSaid,
    'time',
  ),
  form(`(?:tell|notify|alert|message|text)\\s+me\\s+${WHEN}\\s+to\\s+(?<body>.+)`, isDeed, 'time'),
  form(`${REMIND}\\s+about\\s+(?<body>.+)`, isMatter),
  form(`${REMIND}\\s+(?:of|that)\\s+(?<body>.+)`, isMatter, 'time'),
  form(`${REMIND}\\s+${WHEN}\\s*(?:[:,–—-]|\\s(?:about|of|that)\\s)\\s*(?<body>.+)`, isMatter, 'time'),
  form(`${REMIND}\\s*[:,]\\s*(?<body>.+)`, isDeed),
  form(
    `(?:i['’]?d like|i would like|i want|i need|i wish)\\s+to\\s+be\\s+(?:reminded|told|nudged|pinged)(?:,?\\s+${WHEN},?)??\\s+(?:to|about|of|that)\\s+(?<body>.+)`,
    isSaid,
  ),
  form(
    `(?:give|send|drop)\\s+(?:me|us)\\s+an?\\s+(?:(?:little|quick|gentle)\\s+)?(?:nudge|reminder|ping|poke|shout|heads[- ]up|prod|buzz)(?:,?\\s+${WHEN},?)??\\s+(?:to|about|that)\\s+(?<body>.+)`,
    isSaid,
  ),
  form(`${REMIND},?\\s+${WHEN}\\s*[,:–—-]?\\s+(?<body>${IMPERATIVE}.+)`, isDeed, 'time'),
  form(`${FORGET}(?:\\s+about)?\\s+to\\s+(?<body>.+)`, isSaid),
  form(`${FORGET}(?:\\s+about|\\s*:)?\\s+(?<body>(?:the|my|our|that)\\s+.+)`, isFact),
  form(`${FORGET}\\s*[:,]\\s*(?<body>.+)`, isSaid),
  form(`(?:help me\\s+)?(?:please\\s+)?remember\\s+to\\s+(?<body>.+)`, isDeed),
  form(
    `(?:i|we)\\s+(?:need|have|must|should|want|gotta|ought)(?:\\s+to)?\\s+(?:not\\s+forget|remember)\\s+to\\s+(?<body>.+)`,
    isSaid,
  ),
  form(
    `(?:i|we)\\s+(?:mustn['’]?t|must not|shouldn['’]?t|can['’]?t|cannot)\\s+forget\\s+(?:to\\s+)?(?<body>.+)`,
    isSaid,
  ),
  form(
    `make\\s+sure\\s+(?:that\\s+)?(?:i|we)\\s+(?:(?:don['’]?t|do not)\\s+forget\\s+to|remember\\s+to)\\s+(?<body>.+)`,
    isSaid,
  ),
  form(`help\\s+me\\s+remember\\s+(?:to\\s+|that\\s+)?(?<body>.+)`, isFact),
  form(
    `(?<body>.+?)\\s*[,;–—-]\\s*(?:please\\s+)?(?:(?:can|could|would) you\\s+)?${REMIND}(?:\\s+(?:about|of)\\s+(?:that|it))?(?:\\s+${WHEN})?`,
    isDeed,
  ),
  // to be written down
  form(
    `(?:(?:add|make|take|save|leave|write|create|keep|put|record|jot)(?:\\s+down)?\\s+)(?:me\\s+)?(?:(?:an?|quick|short|new|little)\\s+)*${NOTE}${SAYING}(?<body>.+)`,
    isFact,
  ),
  form(
    `(?:quick\\s+|new\\s+)?${NOTE}\\s*(?:to\\s+(?:self|myself)\\s*[:,–—-]?|[,–—-])\\s*(?:that\\s+)?(?<body>.+)`,
    isSaid,
  ),
  form(
    `(?:quick|new)\\s+${NOTE}\\s+(?<body>.+)`,
    (body) => isFact(body) && !/^(?:on|about|for|regarding|to|from|taking|app|file|in|with)\b/i.test(body),
  ),
  form(
    `(?:note|jot|write|put|take|scribble|get)\\s+(?:${THAT}\\s+)?down(?:\\s+for\\s+(?:me|later))?\\s*[:,–—-]?\\s+(?:that\\s+)?(?<body>.+)`,
    isFact,
  ),
  form(`(?:note|jot|write)\\s+(?<body>(?:that\\s+)?.+?)\\s+down`, isFact),
  form(
    `(?:please\\s+)?(?:note|remember|keep in mind|make note|take note|record|log|bear in mind|don['’]?t forget|do not forget)\\s+that\\s+(?<body>.+)`,
    isFact,
  ),
  form(
    `(?:remember|note|save|keep|log|store)\\s+this(?:\\s+for\\s+(?:me|later))?\\s*[:,–—-]\\s*(?<body>.+)`,
    isFact,
  ),
  form(`for\\s+the\\s+record\\s*[,–—-]\\s*(?<body>.+)`, isFact),
  form(
    `(?:a\\s+)?(?<every>daily|weekly|monthly|yearly|nightly)\\s+reminder\\s+(?:to|about|for)\\s+(?<body>.+)`,
    isSaid,
  ),
  // again and again, or at a time that stands beside what is to be done
  form(
    `(?<every>${EVERY})\\s*[,:–—-]?\\s+(?:i\\s+(?:have|need|want|must)(?:\\s+to)?\\s+|(?:please\\s+)?(?:add|put\\s+down|schedule|plan)\\s+(?:(?:an?\\s+)?${THING}\\s+(?:to\\s+)?)?)?(?<body>${IMPERATIVE}.+)`,
    isDeed,
    'time',
  ),
  form(
    `(?:on|at)\\s+(?<every>(?:every|each)\\s+.+?|the\\s+\\S+\\s+(?:day\\s+)?of\\s+(?:every|each|the)\\s+month)\\s*[,:]?\\s+(?<body>${IMPERATIVE}.+)`,
    isDeed,
    'time',
  ),
  form(`(?<body>${IMPERATIVE}.+?)\\s*,?\\s+(?<every>${EVERY})`, isChore, 'time'),
  form('(?:add|schedule|plan|put down)\\s+(?<body>.+)', isDeed, 'time'),
]

function form(text: string, isBody: Check = () => true, needs?: Added['needs']): Form {
  return { pattern: pattern(text), isBody, ...(needs && { needs }) }
}

/** All that an utterance may ask to be put down, the likeliest reading first; none when it asks for something else. */
export function addedBy(said: string): Added[] {
  const colon = said.match(COLON)?.groups
  if (colon) {
    const body = (colon.body ?? colon.listed ?? colon.note ?? colon.kept)!
    return [{ body, ...priorityIn(colon.adjectives) }]
  }
  if (said.length > LONGEST) return []
  return FORMS.flatMap(({ pattern, isBody, needs }) => {
    const groups = said.match(pattern)?.groups
    const body = groups?.body?.trim()
    if (!groups || !body || !isBody!(body)) return []
    const { trailer = '', date, every, adjectives } = groups
    return [
      {
        body,
        spoken: true,
        ...(trailer && { trailer: trailer.replace(/^\s+(?:for|before|until|till)\b/i, ' due') }),
        ...(date && { date }),
        ...(every && { every }),
        ...priorityIn(adjectives),
        ...(needs && { needs }),
      },
    ]
  })
}

function priorityIn(adjectives = ''): Pick<Added, 'priority'> {
  const said = adjectives.toLowerCase().match(/\b(urgent|high|low)\b/)?.[1] as Added['priority']
  return said ? { priority: said } : {}
}

/** Who asks for a reminder is told that nothing rings: words before the todo's own. */
export const WANTS_A_BELL = new RegExp(
  `^[^:"“]*\\b(?:remind(?:er|ed)?|let me forget|(?:give|send|drop) (?:me|us) an? |${REMIND})\\b`,
  'i',
)
