import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { home } from '../../../f/hai/core/home.ts'
import { main } from '../../../f/hai_routes/inbox/alertmanager.ts'
import { testDatabase } from '../../support/database.ts'
import { callAs, doorsOn } from '../../support/doors.ts'
import { aCaller, clear, rowOf } from '../../support/factories.ts'

const db = testDatabase()
doorsOn(db)
beforeEach(async () => {
  await clear(db.sql)
  callAs('operator')
})

/** Bodies of Alertmanager 0.25.0, as they came. */
const recorded = (name: string) =>
  readFileSync(join(import.meta.dirname, '../alert/alertmanager', `${name}.json`), 'utf8')

const post = (body: string | object) => {
  const raw = typeof body === 'string' ? body : JSON.stringify(body)
  return main(JSON.parse(raw), raw)
}
const firing = JSON.parse(recorded('firing')) as { alerts: object[] }

describe('Alertmanager', () => {
  it('tells that one fires, tells it again, and that it is over: one task, which needs no model', async () => {
    const answer = await post(recorded('firing'))
    expect(answer).toEqual({
      windmill_status_code: 202,
      result: { status: 'accepted', task_id: expect.any(String) },
    })
    const { task_id } = (answer as { result: { task_id: string } }).result
    await vi.waitUntil(async () => (await rowOf(db.sql, task_id)).state === 'done')
    const { output } = await rowOf(db.sql, task_id)
    expect(output).toMatch(/^Alert “DiskFull” of “nas:9100”, critical\n/)
    expect(output).toContain('summary: the disk of nas is 95% full')
    expect(output).toMatch(/No model has looked at it: .*there is no model to ask$/)
    expect(await post(recorded('repeated'))).toMatchObject({ result: { status: 'duplicate', task_id } })
    const alert = { name: 'DiskFull', of: 'nas:9100', severity: 'critical', task_id }
    expect(await home(db.sql, {}, aCaller())).toMatchObject({
      alerts: { firing: 1, shown: [alert] },
      failed: [],
    })
    expect(await post(recorded('resolved'))).toMatchObject({ result: { status: 'resolved', task_id } })
    expect(await home(db.sql, {}, aCaller())).not.toHaveProperty('alerts')
  })

  it('sends a field that hai does not know', async () => {
    const alerts = firing.alerts.map((alert) => ({ ...alert, silenceURL: 'http://x', values: { B: 22 } }))
    const answer = await post({ ...firing, alerts, title: 'a title', orgId: 1 })
    expect(answer).toMatchObject({ windmill_status_code: 202 })
    const { task_id } = (answer as { result: { task_id: string } }).result
    await vi.waitUntil(async () => (await rowOf(db.sql, task_id)).state === 'done')
  })

  const without = (field: string) => ({ ...firing, [field]: undefined })
  const withAlert = (change: object) => ({
    ...firing,
    alerts: firing.alerts.map((one) => ({ ...one, ...change })),
  })

  it.each([
    [without('version'), /^version: expected one of 1, 4$/],
    [without('alerts'), /^alerts: expected array$/],
    [without('groupKey'), /^groupKey: expected string$/],
    [{ ...firing, alerts: [] }, /^alerts: expected at least 1$/],
    [withAlert({ status: 'pending' }), /^alerts.0.status: expected one of firing, resolved$/],
    [withAlert({ startsAt: 'yesterday' }), /^alerts.0.startsAt: expected a time such as/],
    [withAlert({ labels: { a: 1 } }), /^alerts.0.labels.….?: expected string$/],
    [withAlert({ fingerprint: undefined }), /^alerts.0.fingerprint: expected string$/],
    [{ source: 'cli', content: 'help' }, /^version: .*; groupKey: .*; alerts: /],
  ])('is told which field is wrong: %#', async (body, message) => {
    expect(await post(body)).toEqual({
      windmill_status_code: 400,
      result: { error: { code: 'invalid', message: expect.stringMatching(message) } },
    })
    expect(await db.sql`select from hai.alert`).toHaveLength(0)
  })

  it('is told to come again when the database is away, and is somebody', async () => {
    callAs('nobody')
    expect(await post(firing)).toMatchObject({ windmill_status_code: 403 })
    callAs('operator')
    vi.stubEnv('HAI_DATABASE_URL', 'postgresql://127.0.0.1:9/x')
    // another process, which has no connection yet
    vi.resetModules()
    const { main: elsewhere } = await import('../../../f/hai_routes/inbox/alertmanager.ts')
    expect(await elsewhere(firing, JSON.stringify(firing))).toMatchObject({ windmill_status_code: 503 })
    vi.stubEnv('HAI_DATABASE_URL', db.url)
  })
})
