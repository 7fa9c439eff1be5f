import { spawnSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { chartOf } from '../../f/hai/core/cost/chart.ts'
import { pageOf } from '../../f/hai/core/cost/page.ts'
import { PATIENCE } from '../support/patience.ts'
import { readPng } from './png.ts'
import { anAmount, aReport, spent, unpriced } from './sample-report.ts'

const LONG = 'a/model-with-a-name-that-is-far-too-long-for-any-phone-and-has-no-place-to-break'

/** Everything at once, with names that are too long. */
const FULL = aReport({
  total: {
    ...unpriced(4.21, 312, 3),
    open_calls: 1,
    open_usd: 0.5,
    presumed_calls: 1,
    presumed_usd: 0.2,
    lost_calls: 1,
  },
  unknown: [{ backend: 'openai', model: LONG, calls: 3 }],
  caps_hit: [{ cap: 'day', times: 2 }],
  margin: { at_once: 6, most_usd: 0.5 },
  top_tasks: [{ ...aReport().top_tasks[0]!, excerpt: `<script>alert(1)</script> & ${LONG}` }],
  windows: [
    {
      window: 'claude_5h',
      backend: 'claude-code',
      hours: 5,
      calls: 23,
      tokens: 1_200_000,
      limit_calls: 200,
      limit_tokens: null,
      reserve_interactive: 0.5,
      list_usd: 3.1,
      frees_at: null,
      reported_left: null,
    },
  ],
  by: { ...aReport().by, model: [{ key: LONG, ...spent(4.21, 120), list_usd: 12 }] },
})

describe('the page', () => {
  it('loads nothing from anywhere, and runs nothing', async () => {
    const page = await pageOf(FULL)
    expect(page).not.toMatch(
      /<script|<link|<img|<iframe|@import|\b(src|href)=|url\(|https?:\/\/(?!www\.w3\.org)/i,
    )
    expect(page).toContain("default-src 'none'")
  })

  it('shows text of tasks as text', async () => {
    const page = await pageOf(FULL)
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt; &amp; a/model')
  })

  it('says what is unknown, held and presumed, in no sum', async () => {
    const page = await pageOf(FULL)
    expect(page).toContain('$4.21 and up to $0.20 more and 3 calls of unknown cost')
    expect(page).toContain('1 call under way, holding up to $0.50')
    expect(page).toContain('1 call lost with its worker')
    expect(page).toMatch(/23 of 200 calls/)
    expect(page).toContain('left: not reported')
    expect(page).toContain('$3.10 by list price')
  })

  it('says what of it was for errands', async () => {
    const page = await pageOf(aReport({ errands: spent(0, 12) }))
    expect(page).toContain('of that errands of chat clients: 12 calls, 13.2k tokens, no money')
    expect(await pageOf(aReport())).not.toContain('errands')
  })

  it('says that no model was asked, with no chart and no zeros', async () => {
    const page = await pageOf(aReport({ total: anAmount(), by: {}, top_tasks: [], caps: [] }))
    expect(page).toContain('No model calls')
    expect(page).toContain('41 tasks ended without one')
    expect(page).not.toMatch(/<svg|\$0\.00/)
  })
})

describe('the chart', () => {
  it('is an SVG with a bar for each day', () => {
    const svg = chartOf(aReport(), { width: 680, height: 240 })
    expect(svg).toMatch(/^<svg role="img" aria-label="USD by day"/)
    expect(svg.match(/ecmeta_ssr_type="chart"/g)).toHaveLength(7)
    expect(svg).toContain('$2.00')
    expect(svg).toContain('>11-16<')
  })

  it('is of tokens where no money was spent', () => {
    const days = aReport().by_day.map((day) => ({ ...day, known_usd: 0, usd: 0 }))
    expect(chartOf({ by_day: days }, { width: 340, height: 200 })).toContain('aria-label="tokens by day"')
  })
})

const chromium = ['chromium', 'chromium-browser', 'google-chrome'].flatMap(onPath)[0]
const folder = mkdtempSync(join(tmpdir(), 'hai-page-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.skipIf(!chromium)('in a browser (needs chromium on the PATH; left out where there is none)', () => {
  it.each([
    ['a phone, light', 390, [], '#f4f6f8'],
    ['a phone, dark', 390, ['--blink-settings=preferredColorScheme=0'], '#11161c'],
    ['a desktop', 1200, [], '#f4f6f8'],
  ])('fits %s', async (name, width, flags, ground) => {
    const page = join(folder, 'page.html')
    writeFileSync(page, await pageOf(FULL))
    const { at, ...image } = screenshot(page, join(folder, `${name}.png`), width, flags)
    expect(image).toEqual({ width, height: 2200 })
    const colours = new Set<string>()
    for (let y = 0; y < image.height; y++) {
      for (let x = 0; x < width; x += 3) colours.add(at(x, y))
      // what doesn't fit would stand in the margin, or go over the edge
      expect(`${y}: ${at(3, y)} ${at(width - 4, y)}`).toBe(`${y}: ${ground} ${ground}`)
    }
    // letters, bars, cards: not an empty page
    expect(colours.size).toBeGreaterThan(50)
  })
})

function screenshot(page: string, file: string, width: number, flags: string[]) {
  const words = ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', ...flags]
  const ran = spawnSync(
    chromium!,
    [
      ...words,
      `--user-data-dir=${folder}/profile`,
      `--window-size=${width},2200`,
      `--screenshot=${file}`,
      `file://${page}`,
    ],
    { encoding: 'utf8', timeout: PATIENCE.timeout },
  )
  if (ran.status !== 0) throw new Error(`${chromium} ended with ${ran.status}: ${ran.stderr.slice(-500)}`)
  return readPng(readFileSync(file))
}

function onPath(name: string): string[] {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((directory) => join(directory, name))
    .filter((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
