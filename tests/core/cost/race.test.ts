import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { reserve } from '../../../f/hai/core/cost/reserve.ts'
import { bunBinary } from '../../../runner/root.ts'
import { testDatabase } from '../../support/database.ts'
import { aCall, clearLedger, counters, setBudget } from './ledger.ts'

const db = testDatabase()
const CAP = 5
const running: ChildProcess[] = []
beforeEach(async () => {
  await clearLedger(db.sql)
  await setBudget(db.sql, { caps: { day: { per: 'all', period: 'day', usd: CAP } } })
})
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})

function racer(name: string, calls: number): ChildProcess {
  const child = spawn(bunBinary(), [join(import.meta.dirname, 'racer.ts'), db.url, name, String(calls)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.push(child)
  return child
}

/** What the ledger says that has been spent, is held or is presumed. */
async function committed(): Promise<number> {
  const [row] = await db.sql<{ usd: number }[]>`
    select coalesce(sum(case state when 'settled' then usd else bound end), 0)::float8 as usd from hai.usage`
  return row!.usd
}

describe('workers that race at a cap', () => {
  it('never go above it, and use it up while something fits', async () => {
    const racers = Array.from({ length: 8 }, (_, n) => racer(`racer-${n}`, 200))
    const ended = Promise.all(racers.map((child) => once(child, 'close')))
    const highest = { usd: 0 }
    let over = false
    void ended.then(() => {
      over = true
    })
    while (!over) {
      highest.usd = Math.max(highest.usd, await committed())
      await db.sql`select pg_sleep(0.005)`
    }
    expect(await ended).toEqual(racers.map(() => [0, null]))
    expect(highest.usd).toBeGreaterThan(CAP / 2)
    expect(highest.usd).toBeLessThanOrEqual(CAP + 1e-9)
    expect(await counters(db.sql)).toMatchObject([{ held: 0, spent: await committed() }])
    // each stopped when its next call did not fit, the largest of which is 0.11
    expect(await committed()).toBeGreaterThan(CAP - 0.11)
  })

  it('find what one of them held that was killed between reserving and settling', async () => {
    await setBudget(db.sql, { caps: { day: { per: 'all', period: 'day', usd: 0.05 } } })
    const doomed = racer('doomed', 1)
    await once(doomed.stdout!, 'data')
    doomed.kill('SIGKILL')
    await once(doomed, 'close')
    expect(await counters(db.sql)).toMatchObject([{ held: 0.02, presumed: 0 }])
    expect(await text(racer('next', 5).stdout!)).toBe('1\n')
    await expect(reserve(db.sql, aCall(0.05))).rejects.toMatchObject({ code: 'budget' })
  })
})
