import { fit, oneLine, pad, prepareWidths, width } from './width.ts'

type Paint = (text: string) => string
/** `tail`: what follows the text, dim, and is whole where that is cut, or not there. */
export type Cell = string | { text: string; paint?: Paint; tail?: string }

/**
 * `min`: how narrow it may become. `spare`: on a narrow terminal it is left out, the highest first. `right`: for numbers.
 */
export interface Column {
  title: string
  min?: number
  spare?: number
  right?: boolean
}

const GAP = 2
/** What the last column should keep before others give way, and on a very narrow terminal. */
const ROOM = 24
const ROOM_MIN = 12
/** With less of its text before it a tail is left out. */
const TEXT_MIN = 8

/**
 * Lines of aligned columns, the last of which takes what is left. With `columns` (a terminal's width) they fit it, under
 * a header; without, every text is whole and there is no header, for other programs to read, but where `headings` says
 * that figures mean nothing without. `room`: what the last column should keep before others give way.
 */
export async function table(
  header: Column[],
  rows: Cell[][],
  look: { columns: number | undefined; title?: Paint; headings?: boolean; room?: number },
): Promise<string[]> {
  const texts = rows.map((row) => row.map((cell) => oneLine(typeof cell === 'string' ? cell : cell.text)))
  const tails = rows.map((row) => row.map(tailOf))
  await prepareWidths(texts.flat())
  const headed = Boolean(look.columns || look.headings)
  const natural = header.map((column, i) =>
    Math.max(
      headed ? width(column.title) : 0,
      ...texts.map((row, y) => width(row[i] ?? '') + width(tails[y]?.[i] ?? '')),
    ),
  )
  const widths = look.columns ? squeeze(header, natural, look.columns, look.room) : natural
  const line = (cells: string[], paints: (Paint | undefined)[], tails: string[] = []) => {
    const shown = widths.flatMap((size, i) => (size > 0 || i === widths.length - 1 ? [i] : []))
    return shown
      .map((i, at) => {
        const size = widths[i] ?? 0
        const tail = look.columns && size - width(tails[i] ?? '') < TEXT_MIN ? '' : (tails[i] ?? '')
        const text = look.columns ? fit(cells[i] ?? '', size - width(tail)) : (cells[i] ?? '')
        const painted = (paints[i] && text ? paints[i](text) : text) + (tail && (look.title?.(tail) ?? tail))
        const rest = pad('', size - width(text) - width(tail))
        const gap = at === shown.length - 1 ? '' : pad('', GAP)
        return header[i]?.right ? rest + painted + gap : painted + (gap && rest + gap)
      })
      .join('')
      .trimEnd()
  }
  const lines = texts.map((cells, y) => line(cells, rows[y]?.map(paintOf) ?? [], tails[y]))
  if (!headed) return lines
  return [
    line(
      header.map((column) => column.title),
      header.map(() => look.title),
    ),
    ...lines,
  ]
}

function tailOf(cell: Cell): string {
  return typeof cell === 'string' || !cell.tail ? '' : ` ${cell.tail}`
}

function paintOf(cell: Cell): Paint | undefined {
  return typeof cell === 'string' ? undefined : cell.paint
}

/** Widths that fit: leave out as few columns as will do, and shrink the others no more than is needed; 0 is left out. */
function squeeze(header: Column[], natural: number[], columns: number, room = ROOM): number[] {
  const last = natural.length - 1
  const wanted = Math.min(natural[last] ?? 0, Math.max(ROOM_MIN, Math.min(room, Math.floor(columns * 0.45))))
  const spares = header.flatMap(({ spare }, i) => (spare === undefined ? [] : [{ i, spare }]))
  const order = spares.sort((a, b) => b.spare - a.spare).map(({ i }) => i)
  for (let dropped = 0; ; dropped++) {
    const gone = order.slice(0, dropped)
    const widths = natural.map((size, i) => (gone.includes(i) ? 0 : size))
    shrink(header, widths, columns, wanted)
    if (roomLeft(widths, columns) < wanted && dropped < order.length) continue
    widths[last] = Math.max(1, Math.min(natural[last] ?? 0, roomLeft(widths, columns)))
    return widths
  }
}

/** Takes from the columns that may become narrower what the last one misses. */
function shrink(header: Column[], widths: number[], columns: number, wanted: number): void {
  header.slice(0, -1).forEach(({ min }, i) => {
    const size = widths[i] ?? 0
    const missing = wanted - roomLeft(widths, columns)
    if (min !== undefined && missing > 0 && size > min) widths[i] = Math.max(min, size - missing)
  })
}

/** What is left for the last column. */
function roomLeft(widths: number[], columns: number): number {
  return columns - widths.slice(0, -1).reduce((sum, size) => sum + (size > 0 ? size + GAP : 0), 0)
}
