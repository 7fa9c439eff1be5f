import { door } from '../core/base/door.ts'
import { listConversations } from '../core/task/conversations.ts'

/** The caller's own conversations, the one last spoken in first. */
export async function main(limit: number = 50, cursor?: string) {
  return door({ limit, cursor }, listConversations)
}
