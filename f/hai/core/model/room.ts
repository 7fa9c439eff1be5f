import { Models } from '../base/backends.ts'
import type { Room } from '../base/room.ts'
import { backendTroubles } from '../task/trouble.ts'
import { tendBackends } from './tend.ts'

const problems: Room['problems'] = async (sql) => (await backendTroubles(sql)).problems

export const model: Room = {
  settings: { models: Models },
  problems,
  tend: tendBackends,
  now: async (sql) => ({ problems: await problems(sql) }),
}
