import { html, raw } from 'hono/html'
import { count, dollars, hoursText, percent, shortNumber, spanText } from '../base/words.ts'
import {
  cachedText,
  endingTexts,
  errandsText,
  listText,
  marginText,
  periodText,
  presumedText,
  spentCell,
  spentText,
  tokenCell,
  trendText,
} from './amount_text.ts'
import { chartOf } from './chart.ts'
import type { Breakdown, CapState, CostReport, WindowState } from './shape.ts'

const COLOURS = { bar: 'var(--bar)', text: 'var(--soft)', line: 'var(--line)' }
const TITLES: [Breakdown, string][] = [
  ['agent', 'Agents'],
  ['source', 'Sources'],
  ['model', 'Models'],
  ['route', 'Routes'],
]
const NEARLY = 0.8

type Markup = ReturnType<typeof html> | string

/** The report as one HTML page that loads nothing: it can be mailed, kept, and read on a phone. */
export async function pageOf(report: CostReport): Promise<string> {
  const { since, until, zone, as_of } = report
  const range = since === until ? since : `${since} to ${until}`
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>hai: what models cost, ${range}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<main>
<h1>What models cost, ${range}</h1>
${[headline(report), windows(report), chart(report), facts(report), caps(report)]}
${TITLES.map(([by, title]) => breakdown(report, by, title))}
${[dearest(report), troubles(report)]}
<p class="soft">Days in ${zone}; as of ${as_of.slice(0, 16).replace('T', ' ')} UTC; where no price is set: ${listText(report.list)}</p>
</main>
</body>
</html>
`
  return String(await page)
}

function headline(report: CostReport): Markup {
  const { total, unknown, days, tasks } = report
  const { open_calls, open_usd } = total
  const presumed = presumedText(total)
  const errands = errandsText(report)
  if (total.calls === 0) {
    return html`<p class="sum">No model calls</p>
<p class="soft">in ${count(days, 'day')}; ${count(tasks.total, 'task')} ended without one</p>`
  }
  return html`<p class="sum">${spentText(total)}</p>
<p class="soft">${trendText(report)}</p>
${errands ? html`<p class="soft">${errands}</p>` : ''}
${unknown.map(
  ({ backend, model, calls }) =>
    html`<p class="warn">No price is known for ${backend}/${model} (${count(calls, 'call')})</p>`,
)}
${open_calls > 0 ? html`<p class="soft">${count(open_calls, 'call')} under way${open_usd > 0 ? `, holding up to ${dollars(open_usd)}` : ''}</p>` : ''}
${endingTexts(total).map((text) => html`<p class="soft">${text}</p>`)}
${presumed ? html`<p class="soft">${presumed}</p>` : ''}`
}

function chart(report: CostReport): Markup {
  if (report.days === 1 || report.total.calls === 0) return ''
  const svg = (width: number, height: number) => raw(chartOf(report, { width, height, colours: COLOURS }))
  return html`<section><div class="narrow">${svg(340, 200)}</div><div class="wide">${svg(680, 240)}</div></section>`
}

function facts({ total, tasks, by }: CostReport): Markup {
  const escalated = `${percent(tasks.escalated, tasks.total)} escalated`
  return html`<section class="facts">
<div><b>${tasks.total}</b><span class="soft">tasks, ${escalated}</span></div>
<div><b>${total.calls}</b><span class="soft">calls, ${total.failed_calls} failed</span></div>
<div><b>${tokenCell(total)}</b><span class="soft">tokens, ${cachedText(total) ?? 'none of them read from a cache'}</span></div>
${(by.billing ?? []).map(
  (row) => html`<div><b>${row.key === 'metered' ? spentCell(row) : tokenCell(row)}</b>
<span class="soft">${row.key === 'metered' ? 'metered' : `tokens, ${row.key}`}, ${count(row.calls, 'call')}${row.list_usd === null ? '' : `, ${dollars(row.list_usd)} by list price`}</span></div>`,
)}
</section>`
}

function windows({ windows }: CostReport): Markup {
  if (windows.length === 0) return ''
  return html`<section><h2>Subscriptions</h2><div class="rows">${windows.map(windowRow)}</div></section>`
}

function windowRow(window: WindowState): Markup {
  const { backend, hours, calls, limit_calls, tokens, limit_tokens, reported_left, list_usd } = window
  const of = (used: number, limit: number | null) =>
    limit === null ? shortNumber(used) : `${shortNumber(used)} of ${shortNumber(limit)}`
  const left = reported_left === null ? 'left: not reported' : `${percent(reported_left, 1)} left`
  const listed = list_usd === null ? '' : `, ${dollars(list_usd)} by list price`
  const used = Math.max(limit_calls ? calls / limit_calls : 0, limit_tokens ? tokens / limit_tokens : 0)
  return html`<div><div class="between"><span>${backend}, ${hoursText(hours)}</span><span>${of(calls, limit_calls)} calls</span></div>
${limit_calls || limit_tokens ? track(used) : ''}
<span class="soft">${of(tokens, limit_tokens)} tokens, without what was read from a cache${listed}; ${left}</span></div>`
}

function caps({ caps, margin }: CostReport): Markup {
  if (caps.length === 0) return ''
  return html`<section><h2>Caps</h2><div class="rows">${caps.map(capRow)}</div>${margin ? html`<p class="soft">${marginText(margin)}</p>` : ''}</section>`
}

function capRow({ cap, key, limit, spent, held, presumed, left }: CapState): Markup {
  const used = spent + held + presumed
  return html`<div><div class="between"><span>${key ? `${cap}: ${key}` : cap}</span>
<span>${dollars(used)} of ${dollars(limit)}</span></div>${track(limit > 0 ? used / limit : 1)}
<span class="soft">${dollars(Math.max(0, left))} left</span></div>`
}

function track(share: number): Markup {
  const state = share >= 1 ? 'full' : share >= NEARLY ? 'near' : ''
  return html`<div class="track"><i class="${state}" style="width:${(Math.min(1, share) * 100).toFixed(1)}%"></i></div>`
}

function breakdown({ by }: CostReport, one: Breakdown, title: string): Markup {
  const rows = by[one] ?? []
  if (rows.length === 0) return ''
  const listed = rows.some(({ list_usd }) => list_usd !== null)
  return html`<section><table>
<tr><th>${title}</th><th>USD</th>${listed ? html`<th>List price</th>` : ''}<th>Calls</th><th>Tokens</th></tr>
${rows.map(
  (row) => html`<tr><td>${row.key}</td><td>${spentCell(row)}</td>
${listed ? html`<td class="soft">${row.list_usd === null ? '' : dollars(row.list_usd)}</td>` : ''}
<td>${row.calls}</td><td>${tokenCell(row)}</td></tr>`,
)}
</table></section>`
}

function dearest({ top_tasks }: CostReport): Markup {
  if (top_tasks.length === 0) return ''
  return html`<section><table><tr><th>Dearest tasks</th><th>Id</th><th>USD</th></tr>
${top_tasks.map(
  ({ id, excerpt, usd }) =>
    html`<tr><td>${excerpt}</td><td class="soft">${id.slice(-6)}</td><td>${usd === null ? 'unknown' : dollars(usd)}</td></tr>`,
)}
</table><p class="soft">hai cost task ID shows each call of one</p></section>`
}

function troubles(report: CostReport): Markup {
  const { caps_hit, failures } = report
  const lines = [
    ...caps_hit.map(({ cap, times }) => `cap ${cap} refused ${count(times, 'call')} ${periodText(report)}`),
    ...failures
      .filter(({ failed }) => failed > 0)
      .map(({ backend, route, failed, calls, minutes, code }) => {
        return `${backend} (${route}): ${failed} of ${count(calls, 'call')} failed in the last ${spanText(minutes)}${code ? `, ${code}` : ''}`
      }),
  ]
  if (lines.length === 0) return ''
  return html`<section><h2>Troubles</h2>${lines.map((line) => html`<p class="warn">${line}</p>`)}</section>`
}

/** The page's only style: light or dark as the reader's screen is, from a phone's width up. */
const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5d6877; --line: #d9dee5; --card: #fff; --ground: #f4f6f8;
  --bar: #2368b5; --warn: #a15c00; --full: #c0342b }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaf0; --soft: #9aa6b5; --line: #333d49; --card: #1a2029; --ground: #11161c;
    --bar: #5fa3ea; --warn: #e0a040; --full: #ef7068 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 46rem; margin: 0 auto; padding: 1.25rem 1rem 3rem }
h1 { font-size: 1rem; font-weight: 600; color: var(--soft); margin: 0 }
h2 { font-size: .95rem; margin: 0 0 .5rem }
section { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1rem; margin-top: 1rem }
.sum { font-size: 2.4rem; line-height: 1.2; font-weight: 700; margin: .1rem 0 }
.soft { color: var(--soft) }
.warn { color: var(--warn) }
p { margin: .25rem 0 }
svg { display: block; width: 100%; height: auto }
.wide { display: none }
@media (min-width: 40rem) { .wide { display: block } .narrow { display: none } }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th { font-weight: 500; font-size: .8rem; color: var(--soft); text-align: left }
th, td { padding: .3rem 0 .3rem .75rem; border-top: 1px solid var(--line); vertical-align: top }
tr:first-child th { border-top: 0 }
th:first-child, td:first-child { padding-left: 0; overflow-wrap: anywhere }
th:not(:first-child), td:not(:first-child) { text-align: right }
.track { display: block; width: 100%; height: .5rem; border-radius: .25rem; background: var(--line); overflow: hidden }
.track i { display: block; height: 100%; background: var(--bar) }
.track i.near { background: var(--warn) }
.track i.full { background: var(--full) }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem }
.facts b { display: block; font-size: 1.25rem }
.rows > div { border-top: 1px solid var(--line); padding: .5rem 0 }
.rows > div:first-of-type { border-top: 0 }
.between { display: flex; justify-content: space-between; gap: 1rem }
`
