/** So many that a run of the property tests tries ten thousand texts. */
export const PATHS = {
  /** May be read by whoever reads hai's folder. */
  open: 'f/hai/open',
  /** The operator's own. */
  closed: 'u/operator/closed',
  resource: 'u/operator/box',
}

/** What stands there, and may stand nowhere else: no answer, no row and no argument of a job. */
export const SECRETS = {
  open: 'S3CRET of the folder 0815',
  closed: 'S3CRET of the operator 4711',
  resource: 'S3CRET in a box 1234',
}

const REFERENCES = ['$var:', '$res:', '$jsonvar:', '$encrypted:']
const NAMES = [
  'WM_TOKEN',
  'WM_USERNAME',
  'HAI_DATABASE_URL',
  'PATH',
  'HOME',
  '289',
  '',
  '(date)',
  '{x}',
  '1 = 1',
]
const LEADS = [
  ...Object.values(PATHS),
  'f/hai/none',
  'u/nobody/none',
  'HOME',
  '',
  'in a shell script',
  'a/../b',
  '"\\\'',
]
const BEFORE = ['$', 'say ', '\n', '"', '-', 'é', '$$']
const AFTER = ['', '', '', '?', ' and more', '\n$WM_TOKEN', '\t$var:u/operator/closed', ' 😀']

/** Whether Windmill looks for something in the place of this text. */
export const isReference = (text: string): boolean => /^\$(var|res|jsonvar|encrypted):/.test(text)

/** Texts that are references, begin like one or have one in them, the same ones for the same seed. */
export class ReferenceTexts {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** Less than `below`. */
  number(below: number): number {
    // mulberry32
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }

  one<T>(of: readonly T[]): T {
    return of[this.number(of.length)]!
  }

  /** In whose place Windmill looks for something. */
  reference(): string {
    return `${this.one(REFERENCES)}${this.one(LEADS)}${this.one(AFTER)}`
  }

  /** In whose place it looks for nothing, or finds what anybody may read. */
  harmless(): string {
    switch (this.number(4)) {
      case 0:
        return `$${this.one(NAMES)}${this.one(AFTER)}`
      case 1:
        return `$var:${PATHS.open}`
      default:
        return `${this.one(BEFORE)}${this.reference()}`
    }
  }

  /** `count` texts of a kind in lists and objects, as deep as chance has it, at most six levels. */
  nested(count: number, text: () => string): Record<string, unknown> {
    const fill = (left: number, level: number): unknown => {
      if (left <= 1) return left === 1 ? text() : this.one([null, true, 7])
      const first = level > 4 ? 1 : 1 + this.number(left - 1)
      const rest = level > 4 ? Array.from({ length: left - 1 }, text) : [fill(left - first, level + 1)]
      const parts = [level > 4 ? text() : fill(first, level + 1), ...rest]
      if (this.number(2) === 0) return parts
      return Object.fromEntries(parts.map((part, at) => [this.one(['a', '$var:', '$WM_TOKEN']) + at, part]))
    }
    return { all: fill(count, 0) }
  }
}
