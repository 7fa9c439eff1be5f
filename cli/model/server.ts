import { Failure } from '../failure.ts'
import { oneLine } from '../show/width.ts'

/** Longer than this no server of models needs to list them. */
const PATIENCE_MS = 10_000

/** USD per million tokens, as models.yaml has them. */
export interface OfferedModel {
  name: string
  /** Tokens; undefined when the server does not say. */
  context: number | undefined
  price: { input: number; output: number; cache_read?: number } | undefined
  /** Whether it seems to be one to ask, and not one that embeds, ranks, hears or paints. */
  answers: boolean
}

export interface ModelServer {
  /** What questions are sent below: ends in a version where the server has one. */
  url: string
  /** What it seems to be: `llama`, `vllm`, `ollama`, `lmstudio`; undefined when it does not show. */
  program: string | undefined
  models: OfferedModel[]
}

interface Key {
  /** The variable that holds it: only its name is ever shown. */
  variable: string
  value: string
}

type Json = Record<string, unknown>

/** The address as it was given, however much of a path it had, as a URL; a refusal that says what it should look like. */
export function addressOf(given: string): URL {
  const text = given.trim()
  const wanted = 'expected the address of a server, such as http://127.0.0.1:8080/v1'
  const spelled = /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
    ? text
    : `${/^(\[|[\d.]+(:|\/|$)|[^./]+(:|\/|$)|[^/]+:\d)/.test(text) ? 'http' : 'https'}://${text}`
  if (text === '' || /\s/.test(text) || !URL.canParse(spelled))
    throw new Failure('usage', `${JSON.stringify(given)} is no address; ${wanted}`)
  const url = new URL(spelled)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new Failure('usage', `${url.protocol}// is not spoken here; ${wanted}`)
  if (url.username || url.password || /key|token/i.test(url.search)) {
    throw new Failure('usage', 'an address must not carry a password or a key, as it is kept in a file', {
      next: 'put the key into a variable of the environment and name it: hai model add URL --key-env NAME',
    })
  }
  // an address to listen on everywhere is called at home
  if (url.hostname === '0.0.0.0' || url.hostname === '[::]') url.hostname = '127.0.0.1'
  url.search = ''
  url.hash = ''
  url.pathname = url.pathname
    .replace(/\/+$/, '')
    .replace(/\/(chat\/completions|completions|models|responses|embeddings|messages)$/, '')
    .replace(/^\/api\/(tags|chat|generate|ps|version)$/, '')
  return url
}

/** Asks a server which models it has. A Failure says what it answered instead, and what to do; nothing else is tried. */
export async function askServer(address: URL, key: Key | undefined): Promise<ModelServer> {
  let odd: Failure | undefined
  for (const base of basesOf(address)) {
    const answer = await get(`${base}/models`, key)
    const list = listIn(answer.body)
    if (answer.status < 300 && list) return details({ url: answer.url.replace(/\/models$/, ''), list }, key)
    if (answer.status === 401 || answer.status === 403) throw noAccess(base, answer, key)
    // a server that has no such place says so; whatever else it says is worth telling when no other place answers
    if (answer.status !== 404 && answer.status !== 405) odd ??= oddAnswer(base, answer)
  }
  throw odd ?? oddAnswer(basesOf(address)[0]!, { status: 404, type: '', body: '', url: '' })
}

/** Where the list may be, the likeliest first. */
function basesOf({ origin, pathname }: URL): string[] {
  const path = pathname.replace(/\/+$/, '')
  const base = origin + path
  if (/\/v\d+\w*$/.test(path)) return [base]
  return path === ''
    ? [`${origin}/v1`, `${origin}/api/v1`, `${origin}/openai/v1`]
    : [`${base}/v1`, base, `${origin}/v1`]
}

interface Answered {
  status: number
  type: string
  body: string
  /** Where it came from, after redirects on the server itself. */
  url: string
  /** Where it points to instead of answering. */
  to?: string
}

const MOST_REDIRECTS = 3

async function get(url: string, key: Key | undefined): Promise<Answered> {
  const headers = { accept: 'application/json', ...(key ? { authorization: `Bearer ${key.value}` } : {}) }
  let at = url
  try {
    for (let left = MOST_REDIRECTS; ; left -= 1) {
      const init = { headers, redirect: 'manual', signal: AbortSignal.timeout(PATIENCE_MS) } as const
      const response = await fetch(at, init)
      const body = await response.text()
      const isRedirect = response.status >= 300 && response.status < 400
      const to = isRedirect ? (response.headers.get('location') ?? '') : ''
      // to another place of the same server only: a key is for nobody else
      if (to && left > 0 && URL.canParse(to, at) && new URL(to, at).origin === new URL(at).origin) {
        at = new URL(to, at).href
        continue
      }
      const { status } = response
      const type = response.headers.get('content-type') ?? ''
      return { status, type, body, url: at, ...(isRedirect ? { to: hostOf(to, at) } : {}) }
    }
  } catch (error) {
    throw unreached(at, error)
  }
}

/** No more of an address than where it is: the rest may carry a key or a password. */
const hostOf = (to: string, from: string): string =>
  to && URL.canParse(to, from) ? new URL(to, from).origin.slice(0, 100) : 'no place'

function unreached(url: string, error: unknown): Failure {
  const { origin, protocol } = new URL(url)
  let inner = error as NodeJS.ErrnoException & { errors?: NodeJS.ErrnoException[]; hostname?: string }
  while (inner.cause instanceof Error) inner = inner.cause as typeof inner
  const { code = '', message } = inner.errors?.[0] ?? inner
  const other = `hai model add ${origin.replace(/^https?/, protocol === 'https:' ? 'http' : 'https')}`
  const said = (what: string, next: string) =>
    new Failure('unreachable', `${origin}: ${what}; nothing was written`, { next, cause: error })
  if (inner.name === 'TimeoutError')
    return said(
      `no answer within ${PATIENCE_MS / 1000} s`,
      'is that the right port? a server that is loading a model may need a while',
    )
  if (code === 'ECONNREFUSED')
    return said('nothing listens there', 'start the server, or correct its port: hai model add URL')
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    // it may be one that the server sends on to
    return said(
      `there is no machine called ${inner.hostname ?? new URL(url).hostname}`,
      'hai model add URL, with its right name or its address',
    )
  if (/SSL|EPROTO|wrong version/i.test(`${code} ${message}`))
    return said('it does not speak TLS', `without it: ${other}`)
  if (/CERT|SELF_SIGNED|UNABLE_TO/.test(code))
    return said(
      `its certificate is not trusted (${code})`,
      'set NODE_EXTRA_CA_CERTS to its authority, then hai down',
    )
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET' || code.startsWith('HPE_'))
    return said(
      'it takes connections but speaks no HTTP',
      protocol === 'http:' ? `perhaps it is ${other}` : other,
    )
  return said(oneLine(message || code), 'hai model add URL, with the address at which it answers')
}

function noAccess(base: string, { status, body }: Answered, key: Key | undefined): Failure {
  const said = `${base} answered ${status}${wordsOf(body)}; nothing was written`
  if (key) {
    return new Failure('denied', `${said}; it does not take the key in ${key.variable}`, {
      next: `correct ${key.variable}, then the same again`,
    })
  }
  return new Failure('denied', `${said}; it wants a key`, {
    next: `put the key into a variable of the environment (never into the command) and name it: hai model add ${base} --key-env NAME`,
  })
}

function oddAnswer(base: string, { status, type, body, to }: Answered): Failure {
  const nothing = 'nothing was written'
  if (to) {
    return new Failure(
      'notFound',
      `${base} points to ${to} (status ${status}), where nothing was sent; ${nothing}`,
      {
        next: 'if that is the server which is meant: hai model add URL, with its own address',
      },
    )
  }
  if (status === 503) {
    return new Failure('unreachable', `${base} answered 503${wordsOf(body)}; it may be loading; ${nothing}`, {
      next: 'the same again when it has loaded',
    })
  }
  if (/HTTPS port/i.test(body)) {
    const next = `hai model add ${base.replace(/^http:/, 'https:')}`
    return new Failure('unreachable', `${base} wants https; ${nothing}`, { next })
  }
  const how =
    status >= 300
      ? `answered ${status}${wordsOf(body)}`
      : /html/.test(type)
        ? 'is a page and no list of models'
        : 'is no list of models'
  return new Failure('notFound', `${base}/models ${how}; ${nothing}`, {
    next: 'hai model add URL, with what the documentation of the server calls its base URL for OpenAI clients',
  })
}

/** The words of an error, in whatever form: an object, a string, or the text as it is. */
function wordsOf(body: string): string {
  const parsed = jsonIn(body)
  const error = isRecord(parsed) ? (parsed.error ?? parsed.message ?? parsed.detail) : undefined
  const said = isRecord(error) ? error.message : error
  const text = typeof said === 'string' ? said : /^\s*</.test(body) ? '' : body
  return text.trim() === '' ? '' : ` (${oneLine(text.trim()).slice(0, 150)})`
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // not JSON: for a look at what it may be that is an answer, too
    return undefined
  }
}

/** `{data: […]}` of OpenAI, `{models: […]}` of others, or the list itself; undefined when it is none of them. */
function listIn(body: string): Json[] | undefined {
  const value = jsonIn(body)
  const list = isRecord(value) ? (value.data ?? value.models) : value
  return Array.isArray(list) ? list.filter(isRecord) : undefined
}

async function details(
  { url, list }: { url: string; list: Json[] },
  key: Key | undefined,
): Promise<ModelServer> {
  const program = programOf(list, url)
  const known = program === undefined ? new Map<string, Json>() : await moreOf(program, url, key)
  const models = list.flatMap((entry) => {
    const name = nameOf(entry)
    if (name === undefined) return []
    const more = known.get(name) ?? known.get('')
    const context = windowOf(entry) ?? (more && windowOf(more))
    return [{ name, context, price: priceOf(entry), answers: isToAsk(name, { ...more, ...entry }) }]
  })
  const once = models.filter(({ name }, at) => models.findIndex((one) => one.name === name) === at)
  return { url, program, models: once }
}

function nameOf(entry: Json): string | undefined {
  const name = entry.id ?? entry.name ?? entry.model
  // what a file and a terminal shall hold, in any script
  return typeof name === 'string' && name.length <= 200 && /^(?!__proto__$)[^\s\p{C}][^\p{C}]*$/u.test(name)
    ? name
    : undefined
}

const OWNERS: Record<string, string> = {
  llamacpp: 'llama',
  vllm: 'vllm',
  library: 'ollama',
  sglang: 'sglang',
}

function programOf(list: Json[], url: string): string | undefined {
  const owners = list.map(({ owned_by }) => (typeof owned_by === 'string' ? owned_by : ''))
  const owner = owners.find((name) => OWNERS[name])
  if (owner) return OWNERS[owner]
  if (owners.includes('organization_owner') || url.includes(':1234/')) return 'lmstudio'
  return url.includes(':11434/') ? 'ollama' : undefined
}

/** What a local server tells beside the list, by model; under the empty name what holds for all. */
async function moreOf(program: string, url: string, key: Key | undefined): Promise<Map<string, Json>> {
  const place = { llama: '/props', ollama: '/api/ps', lmstudio: '/api/v0/models' }[program]
  if (!place) return new Map()
  const root = url.replace(/\/v\d+$/, '')
  // older ones have no such place: then less is known
  const answer = await get(`${root}${place}`, key).catch(() => undefined)
  if (!answer || answer.status >= 300) return new Map()
  if (program !== 'llama')
    return new Map((listIn(answer.body) ?? []).map((entry) => [nameOf(entry) ?? '', entry]))
  const props = jsonIn(answer.body)
  return isRecord(props) && isRecord(props.default_generation_settings)
    ? new Map([['', props.default_generation_settings]])
    : new Map()
}

/** Where servers say how many tokens question and answer may have together; what a model was trained with is not that. */
const WINDOWS = [
  'meta.n_ctx',
  'n_ctx',
  'max_model_len',
  'loaded_context_length',
  'top_provider.context_length',
  'context_length',
  'context_window',
  'max_context_length',
  'limits.max_context_window_tokens',
  'max_input_tokens',
]

function windowOf(entry: Json): number | undefined {
  // of a model that is not loaded, only what it could have is told
  if (entry.state === 'not-loaded') return undefined
  for (const path of WINDOWS) {
    const value = path.split('.').reduce<unknown>((at, key) => (isRecord(at) ? at[key] : undefined), entry)
    const tokens = typeof value === 'string' ? Number(value) : value
    if (typeof tokens === 'number' && Number.isSafeInteger(tokens) && tokens > 0) return tokens
  }
  return undefined
}

/** OpenRouter and its kind tell USD a token, as text; below zero is a price that varies. */
function priceOf({ pricing }: Json): OfferedModel['price'] {
  if (!isRecord(pricing)) return undefined
  const [input, output, cached] = [pricing.prompt, pricing.completion, pricing.input_cache_read].map(
    (usd) => {
      const each = usd === undefined || usd === '' ? Number.NaN : Number(usd)
      return each >= 0 && each < 1 ? Number((each * 1e6).toFixed(6)) : undefined
    },
  )
  if (input === undefined || output === undefined) return undefined
  return { input, output, ...(cached === undefined ? {} : { cache_read: cached }) }
}

const NO_ANSWER =
  /embed|bge-|minilm|rerank|whisper|transcri|(^|[-/])tts|dall-e|moderation|(^|[-/])(image|sora|flux)|stable-diffusion|realtime/i

function isToAsk(name: string, { type, architecture }: Json): boolean {
  if (typeof type === 'string' && /embed|rerank|image|audio/.test(type)) return false
  const modalities = isRecord(architecture) ? architecture.output_modalities : undefined
  if (Array.isArray(modalities) && !modalities.includes('text')) return false
  return !NO_ANSWER.test(name)
}

const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
