import type { Room } from '../base/room.ts'
import { tasksNow } from './now.ts'
import { queueProblems } from './problems.ts'

export const task: Room = { problems: queueProblems, now: tasksNow }
