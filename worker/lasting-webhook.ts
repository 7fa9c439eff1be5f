import { connect, localTarget, runningStack } from '../cli/call/connection.ts'
import type { Profile } from '../cli/call/profile.ts'
import { Webhook } from '../cli/call/webhook.ts'
import { Failure } from '../cli/failure.ts'
import type { Io } from '../cli/io.ts'

/**
 * A webhook client that is told once where its server is. A local stack is started for it, and found again when another
 * one takes its place; but whoever stopped it shall not have it started again by a worker that looks for work.
 */
export async function lastingWebhook(
  io: Io,
  profile: Profile,
  note: (line: string) => void,
): Promise<Webhook> {
  const first = await connect(io, profile, note)
  const { target } = first
  first.close()
  if (!profile.local) return new Webhook(target, () => {})
  const locate = async () => {
    const instance = await runningStack(io)
    return instance && localTarget(profile, instance, () => {})
  }
  return new Webhook(target, () => {}, {
    locate,
    revive: async () => {
      throw new Failure('unreachable', 'the local stack does not run', { next: 'hai up' })
    },
  })
}
