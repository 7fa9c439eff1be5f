import { door } from '../core/base/door.ts'
import { reportDrift } from '../core/base/drift.ts'

/** Keeps what a comparison with Git found: `windmill` or `cluster`, how much was compared, and what differs. */
export async function main(
  kind: 'windmill' | 'cluster',
  target: string,
  compared: number,
  differences: number,
  examples: string[] = [],
) {
  return door({ kind, target, compared, differences, examples }, reportDrift)
}
