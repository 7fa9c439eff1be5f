import { route } from '../../hai/core/base/door.ts'
import { receiveInvestigation } from '../../hai/core/surface/holmesgpt.ts'
import { bodyOf } from '../../hai/core/surface/request.ts'

/** Takes what HolmesGPT found out, with what it was asked. `POST /inbox/holmesgpt`. */
export async function main(body: unknown, raw_string: string) {
  return route((sql, caller) => receiveInvestigation(sql, bodyOf({ body, raw_string }), caller))
}
