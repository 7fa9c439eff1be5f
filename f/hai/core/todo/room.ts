import type { Room } from '../base/room.ts'
import { todosNow } from './now.ts'

export const todo: Room = { now: todosNow }
