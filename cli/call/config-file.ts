// Loaded where there is a config.yaml: YAML and the schema take longer than the rest of a start.
import { type Document, isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import * as z from 'zod/mini'
import { Failure } from '../failure.ts'
import { endpointProblem, isName, LOCAL, type Remote } from './remote.ts'

/** What config.yaml says, as far as it says it. */
export interface Written {
  profile?: string | null | undefined
  profiles?: Record<string, Remote> | null | undefined
  allow_origins?: string[] | null | undefined
}

interface Issue {
  code?: string | undefined
  path?: PropertyKey[] | undefined
  input?: unknown
  keys?: string[] | undefined
}

const MISSING = ' is missing'
const placeOf = ({ path = [] }: Issue) => path.join('.')

const text = (issue: Issue) => {
  const { path = [], input } = issue
  if (input === undefined) return `${path.slice(0, -1).join('.')}: ${String(path.at(-1))}${MISSING}`
  return `${placeOf(issue)}: ${JSON.stringify(input)} is not accepted; expected text`
}
const Text = z.string({ error: text }).check(z.minLength(1, { error: text }))

/** A map of these keys and no others. */
function only<Shape extends z.core.$ZodShape>(shape: Shape, expected: (issue: Issue) => string) {
  const error = (issue: Issue) => {
    const [key] = issue.keys ?? []
    if (key === undefined) return expected(issue)
    return `unknown key ${[...(issue.path ?? []), key].join('.')}; expected ${Object.keys(shape).join(', ')}`
  }
  return z.strictObject(shape, { error })
}

const Server = only(
  {
    endpoint: Text.check(
      z.refine((endpoint) => endpointProblem(endpoint) === undefined, {
        error: (issue) => `${placeOf(issue)}: ${endpointProblem(String(issue.input))}`,
      }),
    ),
    workspace: Text,
    token_file: z.optional(Text),
  },
  (issue) => `${placeOf(issue)}: expected a map with endpoint and workspace`,
)

const NAME_RULE = 'expected lower case letters, digits, - and _'
const Name = z.string().check(z.refine((name) => name !== LOCAL && isName(name)))

const ORIGINS = 'origins, scheme and host of a page, as https://chat.example.com'
const ORIGIN_RULE = `allow_origins: expected ${ORIGINS}`
const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text

const Config = only(
  {
    profile: z.optional(z.unknown()),
    profiles: z.nullish(
      z.record(Name, Server, {
        error: ({ code, input }) => {
          if (code !== 'invalid_key') return 'profiles: expected a map of names to endpoints'
          return String(input) === LOCAL
            ? `${LOCAL} is the stack on this machine and cannot be defined; choose another name`
            : `${JSON.stringify(input)}: ${NAME_RULE}`
        },
      }),
    ),
    allow_origins: z.nullish(
      z.array(z.string().check(z.refine(isOrigin, { error: ORIGIN_RULE })), {
        error: `allow_origins: expected a list of ${ORIGINS}`,
      }),
    ),
  },
  () => 'expected a map with profile and profiles',
).check(
  z.check(({ value: { profile, profiles }, issues }) => {
    const names = [LOCAL, ...Object.keys(profiles ?? {})]
    if (profile === undefined || profile === null || names.some((name) => name === profile)) return
    const message = `profile: ${JSON.stringify(profile)} is not defined; expected one of ${names.join(', ')}`
    issues.push({ code: 'custom', path: ['profile'], input: profile, message })
  }),
)

/** What a config.yaml says, or a Failure that names the file, the line, and what was expected. */
export function readConfigText(file: string, yaml: string): Written {
  const lines = new LineCounter()
  const document = parseDocument(yaml, { lineCounter: lines, prettyErrors: false })
  const [fault] = document.errors
  if (fault) {
    const { line, col } = lines.linePos(fault.pos[0])
    throw new Failure('usage', `${file}:${line}:${col}: not YAML: ${fault.message}`)
  }
  const written = document.toJS() ?? {}
  // a record of zod's leaves that name out without a word
  if (Object.hasOwn(written.profiles ?? {}, '__proto__')) {
    const line = lineOf(document, lines, ['profiles', '__proto__'])
    throw new Failure('usage', `${file}:${line}: "__proto__": ${NAME_RULE}`)
  }
  const { error, data } = Config.safeParse(written)
  if (!error) return data as Written
  const faults = error.issues
    .filter((issue) => !isEcho(issue, error.issues))
    .flatMap(({ path, message, ...issue }) => {
      if (issue.code !== 'unrecognized_keys') return [{ path, message }]
      const expected = message.slice(message.indexOf(';'))
      return issue.keys.map((key) => {
        const at = [...path, key]
        return { path: at, message: `unknown key ${at.join('.')}${expected}` }
      })
    })
  const placed = faults.map(({ path, message }) => ({ line: lineOf(document, lines, path), message }))
  const [first, ...others] = placed.toSorted((a, b) => a.line - b.line)
  const rest = others.map(({ line, message }) => `; line ${line}: ${message}`)
  throw new Failure('usage', `${file}:${first!.line}: ${first!.message}${rest.join('')}`)
}

/** A name that was mistyped is also one that is missing. */
function isEcho(issue: z.core.$ZodIssue, all: z.core.$ZodIssue[]): boolean {
  if (!issue.message.endsWith(MISSING)) return false
  const place = issue.path.slice(0, -1).join('.')
  const missing = all.filter(
    ({ path, message }) => message.endsWith(MISSING) && path.slice(0, -1).join('.') === place,
  )
  const mistyped = all.filter((one) => one.code === 'unrecognized_keys' && one.path.join('.') === place)
  const keys = mistyped.flatMap((one) => (one.code === 'unrecognized_keys' ? one.keys : []))
  return keys.length >= missing.length
}

/** The line of the key at this path, else of the nearest thing above it. */
function lineOf(document: Document.Parsed, lines: LineCounter, path: PropertyKey[]): number {
  let node: unknown = document.contents
  let offset = 0
  for (const key of path) {
    const pair = isMap(node)
      ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
      : undefined
    if (!pair) break
    if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset
    node = pair.value
  }
  return lines.linePos(offset).line
}
