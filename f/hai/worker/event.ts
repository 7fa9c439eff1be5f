import { workerDoor } from '../core/base/door.ts'
import { tellEvent } from '../core/task/steps.ts'

/** Adds a line to the history of a leased task. */
export async function main(
  id: string,
  lease_no: number,
  type: 'route' | 'loading' | 'notice' | 'cut' | 'delta',
  text: string,
  at?: number,
  lease_token?: string,
) {
  return workerDoor({ id, lease_no, lease_token, type, text, at }, tellEvent)
}
