import { count } from '../../f/hai/core/base/words.ts'
import { listText } from '../../f/hai/core/cost/amount_text.ts'
import type { ModelList, ModelRow, ModelTest, WindowSource } from '../../f/hai/core/model/shape.ts'
import type { Session } from '../session.ts'
import { table } from './table.ts'
import { oneLine } from './width.ts'
import { duration } from './words.ts'

/**
 * Models as aligned lines that fit the terminal, * is the one that answers by default; then whose list prices are
 * shown, and what is wrong with their backends, a line each.
 */
export async function modelTable(list: ModelList, session: Session): Promise<string[]> {
  const troubles = list.models.flatMap(({ backend, trouble }) =>
    trouble ? `${backend}: ${trouble.text}` : [],
  )
  const problems = [...new Set([...troubles, ...(list.problems ?? [])])].map((problem) =>
    session.paint.red(oneLine(problem)),
  )
  const [source] = list.models.flatMap(({ billing, list_price }) =>
    billing === 'metered' && list_price ? [list_price] : [],
  )
  const prices = source ? [session.paint.dim(`where models.yaml sets no price: ${listText(source)}`)] : []
  return [...(list.models.length === 0 ? [] : await rowsOf(list, session)), ...prices, ...problems]
}

async function rowsOf(list: ModelList, session: Session): Promise<string[]> {
  const { dim, green, cyan, red } = session.paint
  const rows = list.models.map((row) => {
    const name = `${row.backend}/${row.model}`
    return [
      { text: name === list.default ? '*' : '', paint: green },
      { text: name, paint: session.paint.bold },
      { text: state(row), paint: row.trouble ? red : row.enabled ? cyan : dim },
      row.context === null ? '' : tokens(row.context) + SOURCES[row.context_from ?? 'settings'],
      { text: price(row), paint: dim },
      { text: row.url ?? '', paint: dim },
    ]
  })
  return table(
    [
      { title: '' },
      { title: 'MODEL', min: 12 },
      { title: 'STATE' },
      { title: 'CONTEXT', spare: 2 },
      { title: 'PRICE', spare: 1 },
      { title: 'WHERE' },
    ],
    rows,
    { columns: session.columns, title: dim },
  )
}

/** A round trip in one line: how long loading, the first text and all of it took, and how fast text came. */
export function testText(test: ModelTest): string {
  const { load_ms, first_text_ms, total_ms, output_tokens, tokens_per_second } = test
  const facts = [
    load_ms ? `loaded in ${duration(load_ms)}` : undefined,
    first_text_ms === undefined ? undefined : `first text after ${duration(first_text_ms)}`,
    total_ms === undefined ? undefined : `${written(output_tokens)}done after ${duration(total_ms)}`,
    typeof tokens_per_second === 'number' ? `${tokens_per_second} tokens/s` : undefined,
  ]
  const told = facts.filter((fact) => fact !== undefined).join(', ')
  return `${test.backend}/${test.model} answers${told ? `: ${told}` : ''}`
}

function written(tokens: number | null | undefined): string {
  return typeof tokens === 'number' ? `${count(tokens, 'token')}, ` : ''
}

/** What is not of the operator's own settings. */
const SOURCES: Record<WindowSource, string> = {
  settings: '',
  server: ' (server)',
  earlier_call: ' (learnt)',
}

/** In a few words: what is missing is said in full below the table. */
function state({ enabled, found, loaded, trouble }: ModelRow): string {
  if (!enabled) return 'not enabled'
  if (trouble) return { missing: 'missing', no_key: 'no key', unreachable: 'not reached' }[trouble.code]
  const words = [found ? 'found' : 'enabled', loaded === true ? 'loaded' : '']
  return words.filter(Boolean).join(', ')
}

function tokens(count: number): string {
  if (count < 1000) return String(count)
  return count < 1_000_000 ? `${Math.round(count / 1000)}k` : `${count / 1_000_000}M`
}

/** Per million tokens, in and out. */
function price({ billing, price }: ModelRow): string {
  if (billing === 'local') return 'free'
  if (billing === 'subscription') return 'subscription'
  const { input, output } = price ?? {}
  return input === undefined || output === undefined ? 'unknown' : `$${input} in, $${output} out`
}
