import { dataDirOf, readInstance } from '../../runner/instance.ts'
import { connect } from '../connection.ts'
import { Failure } from '../failure.ts'
import type { Io } from '../io.ts'
import type { Profile } from '../profile.ts'
import { readToken } from '../token.ts'
import { type Target, Webhook } from '../webhook.ts'

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
  return new Webhook(target, () => {}, profile.local ? async () => movedTo(io, target) : undefined)
}

function movedTo(io: Io, target: Target): Target {
  const instance = readInstance(dataDirOf(io.env))
  if (!instance?.ready) throw new Failure('unreachable', 'the local stack does not run', { next: 'hai up' })
  const { endpoint, token_file } = instance
  const token = target.token_from === 'HAI_TOKEN' ? target.token : readToken(token_file, () => {})
  return { ...target, endpoint, token: token ?? target.token }
}
