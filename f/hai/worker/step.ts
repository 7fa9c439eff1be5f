import { workerDoor } from '../core/door.ts'
import { finishStep, startStep } from '../core/steps.ts'

/** Journals a call: `started` before it is made, `finished` with its response. */
export async function main(
  id: string,
  lease_no: number,
  call_id: string,
  state: 'started' | 'finished',
  name: string = 'step',
  request?: unknown,
  response?: unknown,
  once: boolean = false,
) {
  const held = { id, lease_no, call_id }
  return workerDoor((sql) =>
    state === 'finished'
      ? finishStep(sql, { ...held, response })
      : startStep(sql, { ...held, name, request, once }),
  )
}
