import { inline } from './markdown-inline.ts'
import { BOLD, type InlineLook, type Run } from './markdown-run.ts'
import { width } from './width.ts'
import { NO_PREFIX, Wrap } from './wrap.ts'

type Align = 'left' | 'right' | 'center'
type Dress = (run: Run) => string

/** A table as it was written: its rows with the marks between cells. */
export interface TableText {
  header: string
  delimiter: string
  rows: string[]
}

export interface TableLook extends InlineLook {
  columns: number
  dress: Dress
  dim: (text: string) => string
}

const GAP = 3
/** With less for each column on the average, rows are told one below the other. */
const COLUMN_MIN = 5
/** No word makes a column wider than this while others have to give way. */
const WORD_MOST = 16

/** Whether a row of dashes makes the line above it a table's header. */
export function isDelimiter(header: string, line: string): boolean {
  const cells = cellsOf(line)
  return cells.every((cell) => /^:?-+:?$/.test(cell)) && cells.length === cellsOf(header).length
}

/** A table's lines, none wider than the terminal. Cells wrap at words; what has no room beside is told below. */
export function tableLines(table: TableText, look: TableLook): string[] {
  const header = cellsOf(table.header)
  const rows = table.rows.map((row) => rowOf(row, header.length))
  const aligns = cellsOf(table.delimiter).map(alignOf)
  const heads = header.map((cell) => cellRuns(cell, look, BOLD))
  const cells = rows.map((row) => row.map((cell) => cellRuns(cell, look, 0)))
  const room = look.columns - GAP * (header.length - 1)
  if (room < COLUMN_MIN * header.length) {
    const fits = [heads, ...cells].every((row) => sum(row.map(natural)) <= room)
    if (!fits) return records(heads, cells, look)
  }
  const sizes = header.map((_, i) => {
    const column = [heads, ...cells].map((row) => row[i] ?? [])
    return { natural: most(column.map(natural)), word: most(column.map(longestWord)) }
  })
  const widths = shared(sizes, room)
  const wrapped = cells.map((row) => row.map((cell, i) => lines(cell, widths[i] ?? 1, look.dress)))
  const line = look.dim(widths.map((size) => '─'.repeat(size)).join('─┼─'))
  const apart = wrapped.some((row) => row.some((cell) => cell.length > 1))
  const put = (row: Line[][]) => besides(row, widths, aligns, look)
  const head = put(heads.map((cell, i) => lines(cell, widths[i] ?? 1, look.dress)))
  return [...head, line, ...wrapped.flatMap((row, y) => (apart && y > 0 ? [line, ...put(row)] : put(row)))]
}

interface Line {
  text: string
  columns: number
}

/** The lines of one row: its cells side by side. */
function besides(row: Line[][], widths: number[], aligns: Align[], look: TableLook): string[] {
  const height = Math.max(1, ...row.map((cell) => cell.length))
  return Array.from({ length: height }, (_, y) =>
    widths
      .map((size, i) => aligned(row[i]?.[y] ?? { text: '', columns: 0 }, size, aligns[i] ?? 'left'))
      .join(look.dim(' │ '))
      .trimEnd(),
  )
}

function aligned({ text, columns }: Line, size: number, align: Align): string {
  const rest = Math.max(0, size - columns)
  const before = align === 'right' ? rest : align === 'center' ? Math.floor(rest / 2) : 0
  return ' '.repeat(before) + text + ' '.repeat(rest - before)
}

/** Each row as lines of `header: cell`. */
function records(heads: Run[][], rows: Run[][][], look: TableLook): string[] {
  const line = look.dim('─'.repeat(Math.min(look.columns, 12)))
  const told = (row: Run[][]) =>
    row.flatMap((cell, i) => {
      const head = heads[i] ?? []
      const title = head.length > 0 ? [...head, { text: ': ', look: BOLD }] : []
      return lines([...title, ...cell], look.columns, look.dress).map(({ text }) => text)
    })
  if (rows.length === 0) return told(heads.map(() => []))
  return rows.flatMap((row, y) => (y > 0 ? [line, ...told(row)] : told(row)))
}

function lines(runs: Run[], columns: number, dress: Dress): Line[] {
  const widths: number[] = []
  const wrap = new Wrap({ columns: () => columns, dress, onLine: (size) => widths.push(size) })
  const texts: string[] = []
  for (const piece of split(runs)) {
    const text = wrap.begin(NO_PREFIX, NO_PREFIX) + wrap.add(piece) + wrap.end()
    texts.push(...text.split('\n'))
  }
  return texts.map((text, i) => ({ text, columns: Math.min(columns, widths[i] ?? 0) }))
}

/** The runs of each line of a cell. */
function split(runs: Run[]): Run[][] {
  const out: Run[][] = [[]]
  for (const run of runs) {
    if (run.text === '\n') out.push([])
    else out.at(-1)?.push(run)
  }
  return out
}

/** Widths that fit into `room`: the widest give way, as far as they can without breaking words. */
function shared(sizes: { natural: number; word: number }[], room: number): number[] {
  const widths = sizes.map(({ natural }) => Math.max(1, natural))
  if (sum(widths) <= room) return widths
  const least = sizes.map(({ natural, word }) => Math.max(1, Math.min(natural, word, WORD_MOST)))
  const floor = sum(least) <= room ? least : sizes.map(() => 1)
  for (let over = sum(widths) - room; over > 0; ) {
    const free = widths.flatMap((size, i) => (size > (floor[i] ?? 1) ? [i] : []))
    if (free.length === 0) break
    const widest = Math.max(...free.map((i) => widths[i] ?? 0))
    const top = free.filter((i) => widths[i] === widest)
    const next = Math.max(0, ...free.map((i) => widths[i] ?? 0).filter((size) => size < widest))
    const step = Math.max(1, Math.min(widest - next, Math.floor(over / top.length)))
    for (const i of top) {
      const size = Math.max(floor[i] ?? 1, widest - step)
      over -= widest - size
      widths[i] = size
      if (over <= 0) break
    }
  }
  return widths
}

/** A row's cells, as many as the header has: a `|` in code divides nothing where there would be too many. */
function rowOf(row: string, count: number): string[] {
  let cells = cellsOf(row)
  if (cells.length > count)
    cells = cellsOf(row.replace(/`[^`]*`/g, (code) => code.replace(/(?<!\\)\|/g, '\\|')))
  const last = cells.slice(count - 1).join(' | ')
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? last : (cells[i] ?? '')))
}

function cellsOf(row: string): string[] {
  const inner = row.trim().replace(/^\|/, '')
  const cells = inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'))
  if (cells.length > 1 && cells.at(-1) === '') cells.pop()
  return cells
}

function alignOf(cell: string): Align {
  if (!cell.endsWith(':')) return 'left'
  return cell.startsWith(':') ? 'center' : 'right'
}

function cellRuns(cell: string, look: InlineLook, base: number): Run[] {
  return cell
    .split(/<br ?\/?>/i)
    .flatMap((text, i) => [...(i > 0 ? [{ text: '\n', look: 0 }] : []), ...inline(text.trim(), look, base)])
}

function natural(runs: Run[]): number {
  return most(split(runs).map((line) => sum(line.map(({ text }) => width(text)))))
}

function longestWord(runs: Run[]): number {
  const text = runs.map((run) => run.text).join('')
  return most(text.split(/\s+/).map(width))
}

function sum(numbers: number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}

function most(numbers: number[]): number {
  return numbers.reduce((all, one) => Math.max(all, one), 0)
}
