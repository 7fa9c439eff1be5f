import { setTimeout } from 'node:timers/promises'
import { connect } from '../../../f/hai/core/base/db.ts'
import { HaiError } from '../../../f/hai/core/base/errors.ts'
import { reserve } from '../../../f/hai/core/cost/reserve.ts'
import { settle } from '../../../f/hai/core/cost/settle.ts'
import { aCall, spent } from './ledger.ts'

/** A worker as a process: makes calls until the cap is spent or so many are made, and says how many. */
const [, , url = '', name = '', calls = '0'] = process.argv
const sql = connect({ url })

/** What its n-th call may cost and costs, USD. */
const MOST = [0.02, 0.05, 0.11]

let made = 0
for (let n = 0; n < Number(calls); ) {
  const most = MOST[n % MOST.length]!
  const call = aCall(most, { call_id: `${name}-${n}`, agent: name })
  try {
    await reserve(sql, call)
  } catch (error) {
    if (!(error instanceof HaiError && error.code === 'budget')) throw error
    // what others hold may become room; what is spent never does
    const { spent, presumed, asked, limit } = error.details as Record<string, number>
    if (spent! + presumed! + asked! > limit!) break
    await setTimeout(20 * Math.random())
    continue
  }
  if (name === 'doomed') await new Promise(() => console.log('reserved'))
  await settle(sql, call, spent(Math.round(most * 100 * 0.7) / 100))
  made += 1
  n += 1
}
console.log(made)
await sql.end()
