import type { Room } from '../base/room.ts'
import { Channels } from './channels.ts'
import { outboxProblems } from './notice.ts'

export const outbox: Room = { settings: { channels: Channels }, problems: outboxProblems }
