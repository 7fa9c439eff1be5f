import { operatorDoor } from '../core/base/door.ts'
import { showSettings } from '../core/settings.ts'

/** The settings in force, and where each value comes from. */
export async function main(
  name?: 'agents' | 'budget' | 'channels' | 'members' | 'models' | 'policy' | 'tools',
) {
  return operatorDoor({ name }, (sql, given) => showSettings(sql, given))
}
