import { route } from '../hai/core/base/door.ts'
import { bodyOf } from '../hai/core/surface/request.ts'
import { receiveOne } from '../hai/core/surface/rest.ts'

/** Takes one envelope, strictly read, and answers 202 once its task is committed. `POST /inbox`. */
export async function main(body: unknown, raw_string: string) {
  return route((sql, caller, principal, _stopped, jobId) =>
    receiveOne(sql, bodyOf({ body, raw_string }), caller, { principal, jobId }),
  )
}
