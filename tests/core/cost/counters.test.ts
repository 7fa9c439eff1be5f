import { describe, expect, it } from 'vitest'
import { HaiError } from '../../../f/hai/core/base/errors.ts'
import type { ModelCall } from '../../../f/hai/core/cost/model_call.ts'
import { record } from '../../../f/hai/core/cost/record.ts'
import { reserve } from '../../../f/hai/core/cost/reserve.ts'
import { rollup } from '../../../f/hai/core/cost/rollup.ts'
import { presume, settle } from '../../../f/hai/core/cost/settle.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller } from '../../support/factories.ts'
import fc from '../../support/fast-check.ts'
import { aCall, clearLedger, setBudget, spent, tokens } from './ledger.ts'

const db = testDatabase()

const CAPS = {
  day: { per: 'all', period: 'day', usd: 4 },
  agent_month: { per: 'agent', period: 'month', usd: 3 },
  source_day: { per: 'source', period: 'day', usd: 2 },
  requester: { per: 'requester', period: 'day', usd: 3 },
}
const ZONES = ['UTC', 'Pacific/Auckland', 'America/Los_Angeles']

const which = fc.nat()
const cents = fc.integer({ min: 1, max: 120 }).map((each) => each / 100)
const agent = fc.constantFrom('general', 'researcher')
const source = fc.constantFrom('cli', 'alerts')
const anAct = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('reserve' as const), usd: cents, agent, source }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('settle' as const), which, usd: cents }) },
  fc.record({ kind: fc.constant('break' as const), which }),
  fc.record({ kind: fc.constant('die' as const), which }),
  fc.record({ kind: fc.constant('record' as const), usd: cents, agent, source }),
  fc.record({
    kind: fc.constant('budget' as const),
    zone: fc.constantFrom(...ZONES),
    caps: fc.subarray(Object.keys(CAPS)),
  }),
)
type Act = typeof anAct extends fc.Arbitrary<infer T> ? T : never

const UNKNOWN = { input: null, output: null, cache_read: null, cache_write: null, reasoning: null }

async function act(one: Act, made: ModelCall[]): Promise<void> {
  const any = 'which' in one ? made[one.which % Math.max(1, made.length)] : undefined
  if (one.kind === 'reserve') {
    const call = aCall(one.usd, { agent: one.agent, source: one.source, requester: 'operator' })
    made.push(call)
    await reserve(db.sql, call).catch(refused)
  } else if (one.kind === 'settle' && any) await settle(db.sql, any, spent(one.usd)).catch(refused)
  else if (one.kind === 'break' && any) await settle(db.sql, any, { tokens: UNKNOWN, ms: 1 }).catch(refused)
  else if (one.kind === 'die' && any) {
    await db.sql`update hai.usage set at = at - interval '2 hours' where call_id = ${any.call_id} and state = 'open'`
    await rollup(db.sql, { verify: true })
    await presume(db.sql)
  } else if (one.kind === 'record') {
    const { usd, agent, source } = one
    const call = { call_id: aCall(0).call_id, at: new Date().toISOString(), backend: 'b', model: 'm' }
    const calls = [{ ...call, billing: 'metered' as const, tokens: tokens(), usd, agent, source }]
    await record(db.sql, { calls }, aCaller())
  } else if (one.kind === 'budget') {
    const caps = Object.fromEntries(Object.entries(CAPS).filter(([name]) => one.caps.includes(name)))
    await setBudget(db.sql, { time_zone: one.zone, caps })
  }
}

/** What a cap or a settled call refuses is part of such a history. */
function refused(error: unknown): void {
  if (!(error instanceof HaiError && (error.code === 'budget' || error.code === 'conflict'))) throw error
}

describe('the counters of all caps', () => {
  it('are what the ledger adds up to, whatever is done at once and however the budget changes', async () => {
    const batches = fc.array(fc.array(anAct, { minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(batches, async (history) => {
        await clearLedger(db.sql)
        await setBudget(db.sql, { caps: CAPS })
        await rollup(db.sql)
        const made: ModelCall[] = []
        for (const batch of history) {
          await Promise.all(batch.map((one) => act(one, made)))
          await rollup(db.sql)
          expect((await rollup(db.sql, { verify: true })).mended).toEqual([])
        }
      }),
      { numRuns: 10 },
    )
  })
})
