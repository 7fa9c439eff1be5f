import type { Session } from '../session.ts'
import type { Cell, Column } from './table.ts'
import { NUMBERED } from './words.ts'

/** On a terminal the same rows with their numbers in front, by which the next command may name them. */
export function numbered(session: Session, header: Column[], rows: Cell[][]): [Column[], Cell[][]] {
  if (session.columns === undefined) return [header, rows]
  const { dim } = session.paint
  const numbers = rows.map((_, i) => ({ text: i < NUMBERED ? String(i + 1) : '', paint: dim }))
  return [[{ title: '', spare: 4, right: true }, ...header], rows.map((row, i) => [numbers[i]!, ...row])]
}
