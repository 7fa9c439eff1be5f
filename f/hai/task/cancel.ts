import { cancel } from '../core/control.ts'
import { door } from '../core/door.ts'

/** Ends a task that has not ended; its worker stops within seconds and what it still writes is refused. */
export async function main(id: string, reason?: string) {
  return door({ id, reason }, cancel)
}
