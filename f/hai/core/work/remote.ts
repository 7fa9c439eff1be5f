import { z } from 'zod'
import { MAX_OUTPUT, Models, urlOf } from '../base/backends.ts'
import type { Caller } from '../base/caller.ts'
import { storedConfig } from '../base/config.ts'
import { inTransaction, type Sql } from '../base/db.ts'
import { HaiError, parse } from '../base/errors.ts'
import { HeardTokens, MOST_TOKENS, type ModelCall, oddCounts } from '../cost/model_call.ts'
import { priceAt, sellersOf } from '../cost/prices.ts'
import { reserve } from '../cost/reserve.ts'
import { settle } from '../cost/settle.ts'
import { BILLINGS } from '../cost/shape.ts'
import { cure, withheld } from '../model/access.ts'
import { type AttemptFailure, pauseElsewhere, unpausedLanes } from '../task/backend.ts'
import { earlierTurns, type Turn } from '../task/conversation.ts'
import { fail } from '../task/finish.ts'
import { leaveToModels } from '../task/lane.ts'
import { BUILT_IN, claim, Held, hasClaimable, heldOf, LANES, tokenDigest } from '../task/lease.ts'
import { type ClaimedTask, RESTRICTED } from '../task/shape.ts'
import { finishStep, note, orLate, type Step, startStep } from '../task/steps.ts'
import { left, seen } from '../task/wake.ts'
import { answerClaimed } from './built_in.ts'

/** A door answers soon: so many tasks that need no model, and then the worker asks again. */
const MOST_BUILT_IN = 20

const Input = z.strictObject({
  worker: z.string().min(1).max(200),
  lanes: z
    .array(z.string().min(1).max(100))
    .min(1)
    .default([...LANES]),
  /** The worker listens for new work, so that telling it of some is worth while. */
  listens: z.boolean().default(false),
  /** The worker stops: nothing is claimed. */
  leaving: z.boolean().default(false),
  /** The worker sends `lease_token` with all that it does under a lease. */
  sends_token: z.boolean().default(false),
  /** The worker reads what a chat sent in place of the conversation; the release before knows of none. */
  reads_chat: z.boolean().default(false),
})

export interface ClaimedElsewhere {
  task: ClaimedTask | null
  /** The conversation so far, oldest first; none of a chat, which brings its own. */
  turns: Turn[]
  /** Nothing was claimed, but something may be at once. */
  more: boolean
}

/** The next due task that needs a model, for a worker that has no database. What needs none is answered on the way. */
export async function claimElsewhere(
  sql: Sql,
  input: z.input<typeof Input>,
  principal: (requester: string) => Caller,
): Promise<ClaimedElsewhere> {
  const { worker, lanes, listens, leaving, sends_token, reads_chat } = parse(Input, input)
  const nothing = { task: null, turns: [], more: false }
  if (leaving) {
    await left(sql, worker)
    return nothing
  }
  if (!sends_token) throw older()
  const open = await unpausedLanes(sql, lanes)
  const scope = { elsewhere: true, chatless: !reads_chat }
  for (let answered = 0; answered < MOST_BUILT_IN; answered += 1) {
    const task = open.length > 0 ? await claim(sql, { worker, lanes: open, ...scope }) : null
    if (!task) {
      // said before the last look: what comes in after it is announced
      await seen(sql, { worker, lanes, asleep: listens })
      return { ...nothing, more: await hasClaimable(sql, open, scope) }
    }
    if (await answerClaimed(sql, task, principal(task.requester))) continue
    if (task.lane === BUILT_IN) {
      await leaveToModels(sql, task)
      continue
    }
    // it began after the lanes were looked at
    const refused = (await notOfHouse(sql, task)) ?? (await pauseElsewhere(sql, task.lane))
    if (refused) await fail(sql, { ...heldOf(task), ...refused })
    else {
      await seen(sql, { worker, lanes, asleep: false })
      return { task, turns: task.chat ? [] : await earlierTurns(sql, task), more: false }
    }
  }
  return { ...nothing, more: true }
}

/** A worker of an older release: each of its calls would be refused, and its tasks would die of it. */
const older = () =>
  new HaiError(
    'invalid',
    'this worker does not say sends_token, which means that it sends lease_token with all that it does for a task; update hai where it runs',
  )

/** Why what is restricted must not go to the workers of a lane; its backend may have been another one when it came there. */
async function notOfHouse(sql: Sql, task: ClaimedTask): Promise<AttemptFailure | undefined> {
  if (task.data_tier !== RESTRICTED) return undefined
  const { backends } = await storedConfig(sql, 'models', Models)
  const backend = backends[task.lane]
  if (!backend && task.lane === 'ollama') return undefined
  if (backend)
    return withheld(task, {
      name: task.lane,
      backend: { ...backend, url: urlOf(backend) },
      model: '',
      context: undefined,
      reason: '',
    })
  return {
    code: 'no_route',
    message: `the task is restricted, and no backend ${task.lane} is configured; nothing was sent`,
    next_step: cure(task.id),
  }
}

const tokens = z.int().nonnegative().max(MOST_TOKENS)

/** As many as fit the ledger's column. */
const MOST_MS = 2_147_483_647

/** What a call can come to when its worker doesn't say: as much as the smallest window of any Claude. */
const UNSAID = { input: 200_000, output: MAX_OUTPUT }

const Call = z.strictObject({
  call_id: z.string().min(1).max(240),
  step: z.string().min(1).max(200).optional(),
  agent: z.string().min(1).max(100).optional(),
  route: z.string().min(1).max(300).optional(),
  backend: z.string().min(1).max(100),
  model: z.string().min(1).max(200),
  billing: z.enum(BILLINGS),
  /** Tokens that it can come to. */
  most: z.strictObject({ input: tokens, output: tokens }).default(UNSAID),
})

const Settled = Call.omit({ most: true }).extend({
  // what was answered and paid for is written down, whatever its numbers are
  tokens: HeardTokens,
  ms: z
    .number()
    .catch(0)
    .transform((ms) => Math.min(Math.max(0, Math.round(ms)), MOST_MS)),
  /** In the backend's own words, where our prices say nothing. */
  usd: z.number().nonnegative().max(1_000_000).nullish().catch(null),
  error: z.string().min(1).max(100).optional(),
  /** It was ended by its worker before it was whole. */
  ended: z.enum(['cancelled', 'stopped']).optional(),
  /** There may have been more tokens than were seen. */
  at_least: z.boolean().default(false),
  /** Nobody was reached: there was no call. */
  unsent: z.boolean().default(false),
})

/** Reserves what a call can cost that a worker elsewhere is about to make; see `reserve`. */
export async function reserveElsewhere(
  sql: Sql,
  input: z.input<typeof Call> & Held,
): Promise<{ call_id: string }> {
  const { id, lease_no, lease_token, ...call } = parse(Call.extend(Held.shape), input)
  const price = await priceOf(sql, call, new Date())
  await reserve(sql, given({ ...call, price }), { id, lease_no, lease_token })
  return { call_id: call.call_id }
}

const SettledUnder = Settled.extend(Held.partial().shape)

/**
 * What such a call came to, priced here: prices are this side's. The lease under which it was reserved may be lost by
 * now: what was spent was spent. `not_found` when it was never reserved, `conflict` when it was by another holder.
 */
export async function settleElsewhere(
  sql: Sql,
  input: z.input<typeof SettledUnder>,
): Promise<{ call_id: string; usd: number | null }> {
  const parsed = parse(SettledUnder, input)
  const { tokens, ms, usd: told, error, ended, at_least, unsent, id, lease_no, lease_token, ...said } = parsed
  // as it was reserved: that is what was held, and whose prices of which day hold
  const [call] = await sql<Reserved[]>`
    select backend, model, billing, at, case
        when task_id is null then false
        -- by the release before, whose workers gave no proof
        when token_digest is null then true
        else task_id = ${id ?? null} and lease_no = ${lease_no ?? null}
          and token_digest = ${tokenDigest({ lease_token })}::bytea
      end as own
    from hai.usage where call_id = ${said.call_id}`
  // said once more, as the first answer was lost
  if (!call && unsent) return { call_id: said.call_id, usd: null }
  if (!call) throw new HaiError('not_found', `call ${said.call_id} was never reserved; reserve it first`)
  const { at, own, ...reserved } = call
  if (!own) {
    throw new HaiError(
      'conflict',
      `call ${said.call_id} was not reserved under this lease; nothing was written`,
    )
  }
  const price = await priceOf(sql, reserved, new Date(at))
  const ends = { ...(error ? { error } : {}), ...(ended ? { ended } : {}), at_least, unsent }
  const spent = { tokens, ms, ...(told == null ? {} : { usd: told }), ...ends }
  const usd = await settle(sql, given({ call_id: said.call_id, ...reserved, price }), spent)
  return { call_id: said.call_id, usd: usd ?? null }
}

interface Reserved extends Pick<ModelCall, 'backend' | 'model' | 'billing'> {
  at: string
  /** By whoever settles it; null where nothing proves it. */
  own: boolean | null
}

async function priceOf(sql: Sql, { backend, model }: Pick<ModelCall, 'backend' | 'model'>, at: Date) {
  const { backends } = await storedConfig(sql, 'models', Models)
  const list = sellersOf(backends)(backend)
  return list && priceAt(list, model, at)
}

/** Without what was not given. */
function given(call: { [key in keyof ModelCall]: ModelCall[key] | undefined }): ModelCall {
  return Object.fromEntries(
    Object.entries(call).filter(([, value]) => value !== undefined),
  ) as unknown as ModelCall
}

const Journal = Held.extend({
  call_id: z.string().min(1).max(200),
  state: z.enum(['started', 'finished']),
  name: z.string().min(1).max(200).optional(),
  request: z.unknown().optional(),
  response: z.unknown().optional(),
  once: z.boolean().default(false),
  usage: Settled.optional(),
})

/** A step of a worker elsewhere; finished together with what its model call used. */
export async function journalStep(sql: Sql, input: z.input<typeof Journal>): Promise<Step> {
  const { state, response, usage, ...step } = parse(Journal, input)
  const { call_id, name } = step
  const held = heldOf(step)
  if (state === 'started') return startStep(sql, { ...step, name: name ?? 'step' })
  const finished = { ...held, call_id, response, ...(name ? { name } : {}) }
  const inTime = inTransaction(sql, async (tx) => {
    if (!usage) return finishStep(tx, finished)
    const { usd } = await settleElsewhere(tx, { ...usage, ...held })
    const told = {
      tokens: usage.tokens,
      usd,
      billing: usage.billing,
      ...(usage.at_least ? { at_least: true } : {}),
    }
    const step = await finishStep(tx, { ...finished, told })
    const odd = oddCounts(input.usage?.tokens)
    if (odd.length > 0)
      await note(tx, held, 'notice', `the worker told what is no count (${odd.join(', ')}): taken as unknown`)
    return step
  })
  return orLate(sql, inTime, finished)
}
