import { MOST_TOKENS, type Tokens, UNCOUNTED } from '../cost/model_call.ts'

/** A piece of an answer: what is said, and what the model thinks meanwhile. */
export type Said = { text: string } | { thought: string }

/** All that came with an answer besides its pieces. */
export class Reply {
  /** Why it ended, in the backend's own word; '' when it ended without one. */
  end: string | undefined
  /** Some of it has come. */
  began = false
  /** Nothing more is to come. */
  over = false
  model: string | undefined
  tokens: Tokens = UNCOUNTED
  usd: number | undefined
  /** What the whole answer is, where that is told apart from its pieces. */
  whole: string | undefined
  /** The model declined, in words that are its answer. */
  refused = false
  /** The tool that it asked for. */
  tool: string | undefined
  /** What was to be part of the answer and could not be read. */
  broken = 0
  /** What is wrong with it, when that was told in the middle. */
  error: unknown
  /** Said where no answer was, should nothing else tell what went wrong. */
  words = ''
  #odd = new Map<string, unknown>()

  /** A count, if it is one. What isn't is remembered by `name`. */
  count(name: string, value: unknown): number | null {
    if (value === undefined || value === null) return null
    const isCount = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MOST_TOKENS
    if (!isCount) this.#odd.set(name, value)
    // a later count makes good an earlier one
    else this.#odd.delete(name)
    return isCount ? value : null
  }

  /** USD, if it is a sum that a call can cost. */
  cost(name: string, value: unknown): void {
    if (value === undefined || value === null) return
    if (typeof value === 'number' && value >= 0 && value <= 1_000_000) this.usd = value
    else this.#odd.set(name, value)
  }

  /** Counts of which parts are no larger than the whole, and none is 0 that can't be. */
  sane(hasText: boolean): Tokens {
    const { input, output, cache_read, cache_write, reasoning } = this.tokens
    const sane = { ...this.tokens }
    if (input === 0) {
      this.#odd.set('input', 0)
      sane.input = null
    }
    if (output === 0 && hasText) {
      this.#odd.set('output', 0)
      sane.output = null
    }
    if (input !== null && (cache_read ?? 0) + (cache_write ?? 0) > input) {
      this.#odd.set('cached', (cache_read ?? 0) + (cache_write ?? 0))
      Object.assign(sane, { cache_read: null, cache_write: null })
    }
    if (output !== null && reasoning !== null && reasoning > output) {
      this.#odd.set('reasoning', reasoning)
      sane.reasoning = null
    }
    return sane
  }

  /** What is odd about its numbers, in one sentence; undefined when nothing is. */
  oddity(name: string): string | undefined {
    if (this.#odd.size === 0) return undefined
    const counts = [...this.#odd].map(([what, value]) => `${what} ${JSON.stringify(value)?.slice(0, 40)}`)
    return `${name} counted what can’t be (${counts.join(', ')}): taken as unknown`
  }
}

/**
 * Whether a server's name for a model may mean the one that was asked. Folders, endings of files and `:latest` say
 * nothing; dates, quantisations and editions of one model are taken for it; an alias of Claude's is part of the name.
 */
export function isSameModel(asked: string, answered: string): boolean {
  const [one, other] = [bare(asked), bare(answered)]
  if (one === other || other === '' || /^(default|auto)$/.test(one)) return true
  if (/^(opus|sonnet|haiku)$/.test(one)) return other.includes(one)
  const [short, long] = one.length < other.length ? [one, other] : [other, one]
  const rest = long.slice(short.length)
  return long.startsWith(short) && /^[-:@_]/.test(rest) && isVariant(rest.slice(1))
}

const isVariant = (rest: string) =>
  /^(\d{4}-\d\d-\d\d|\d{8}|\d{3,4}|\d\d-\d{2,4}|v\d[\d:]*|preview|exp|free|instruct|chat|it|(i?q\d|bf16|f16|f32|fp\d|int\d)\w*)([-:@_].*)?$/.test(
    rest,
  )

const bare = (name: string) =>
  name
    .toLowerCase()
    .trim()
    .replace(/^.*[/\\]/, '')
    .replace(/\.(gguf|bin|safetensors)$/, '')
    .replace(/[:@-]latest$/, '')
    .replace(/[-_]gguf$/, '')
    .replaceAll('.', '-')
