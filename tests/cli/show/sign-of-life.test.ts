import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SignOfLife } from '../../../cli/show/sign-of-life.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const PART = new RegExp(`${'\u001b'}\\[\\d*[A-Z]|[\\s\\S]`, 'gu')

/** What a terminal shows of it: rows of text, by the few sequences that it uses. */
class Screen {
  rows = ['']
  #row = 0
  #column = 0
  notes: string[] = []
  sign: SignOfLife

  constructor(columns: number | undefined, open = 0) {
    this.rows = ['x'.repeat(open)]
    this.#column = open
    this.sign = new SignOfLife({
      columns,
      paint: (text) => text,
      write: (text) => this.write(text),
      note: (line) => this.notes.push(line),
      column: () => open,
    })
  }

  write(text: string): void {
    for (const [part] of text.matchAll(PART)) {
      if (part === '\n') this.rows[++this.#row] ??= ''
      else if (part === '\r') this.#column = 0
      else if (part === '\u001b[K') this.#set(this.#line.slice(0, this.#column))
      else if (part === '\u001b[A') this.#row--
      else if (part.startsWith('\u001b')) this.#column = Number(part.slice(2, -1)) - 1
      else this.#set(this.#line.slice(0, this.#column++) + part)
    }
  }

  get #line(): string {
    return this.rows[this.#row] ?? ''
  }

  #set(line: string): void {
    this.rows[this.#row] = line
  }

  /** All that is on it, and where the next letter goes. */
  get shown(): string {
    const column = this.#column
    const shown = [...this.rows]
    shown[this.#row] = `${this.#line.slice(0, column)}▮`
    return shown.join('\n')
  }
}

const after = (ms: number) => vi.advanceTimersByTime(ms)
const reading = () => ({
  label: 'reading 4k tokens',
  since: Date.now(),
  line: 'qwen3:8b reads about 4k tokens',
})

describe('on a terminal', () => {
  it('begins after a second, counts, and goes without a trace', () => {
    const screen = new Screen(80)
    screen.sign.tell(reading())
    after(900)
    expect(screen.shown).toBe('▮')
    after(200)
    expect(screen.shown).toMatch(/^. reading 4k tokens, 1 s▮$/)
    after(39_000)
    expect(screen.shown).toMatch(/^. reading 4k tokens, 40 s▮$/)
    screen.sign.heard()
    expect(screen.shown).toBe('▮')
    expect(screen.notes).toEqual([])
  })

  it('never begins where something is shown sooner', () => {
    const screen = new Screen(80)
    screen.sign.tell(reading())
    for (let n = 0; n < 20; n++) {
      after(800)
      screen.sign.heard()
    }
    expect(screen.rows).toEqual([''])
  })

  it('begins anew when the next thing is waited for, and stays away once nothing is', () => {
    const screen = new Screen(80)
    screen.sign.tell(reading())
    after(5_000)
    screen.sign.tell({ label: 'writing', since: Date.now() })
    after(1_100)
    expect(screen.shown).toMatch(/^. writing, 1 s▮$/)
    screen.sign.stop()
    after(5_000)
    expect(screen.shown).toBe('▮')
  })

  it('stands below a line that is open, and leaves the cursor where that ends', () => {
    const screen = new Screen(80, 7)
    screen.sign.tell(reading())
    after(3_000)
    expect(screen.shown).toMatch(/^xxxxxxx\n. reading 4k tokens, 3 s▮$/)
    screen.sign.heard()
    expect(screen.shown).toBe('xxxxxxx▮\n')
  })

  it('fits the terminal', () => {
    const screen = new Screen(20)
    screen.sign.tell({ label: 'waiting for a model with a name that is long', since: Date.now() })
    after(2_000)
    expect(screen.rows[0]?.length).toBeLessThan(20)
  })
})

describe('elsewhere', () => {
  it('is one line after two seconds, whatever comes then', () => {
    const screen = new Screen(undefined)
    screen.sign.tell(reading())
    after(1_900)
    expect(screen.notes).toEqual([])
    after(200)
    screen.sign.tell({ label: 'writing', since: Date.now() })
    after(60_000)
    expect(screen.notes).toEqual(['qwen3:8b reads about 4k tokens'])
    expect(screen.rows).toEqual([''])
  })

  it('is nothing where an answer comes sooner', () => {
    const screen = new Screen(undefined)
    screen.sign.tell(reading())
    after(1_900)
    screen.sign.stop()
    after(60_000)
    expect(screen.notes).toEqual([])
  })
})
