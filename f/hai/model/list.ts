import { door } from '../core/base/door.ts'
import { listModels, modelsFor } from '../core/model/list.ts'

/** Which models are there, which may be asked and which answers by default. Asks the backends, so it may wait. */
export async function main() {
  return door({}, async (sql, _given, caller) => modelsFor(caller, await listModels(sql)))
}
