import { operatorDoor } from '../core/base/door.ts'
import { showSettings } from '../core/settings.ts'

/** The settings in force, and where each value comes from. */
export async function main(name?: string) {
  return operatorDoor({ name }, (sql, given) => showSettings(sql, given))
}
