import { beforeEach, describe, expect, it } from 'vitest'
import type { Delivered } from '../../../f/hai/core/alert/deliver.ts'
import { receiveInvestigation } from '../../../f/hai/core/surface/holmesgpt.ts'
import { complete } from '../../../f/hai/core/task/finish.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, claimed, clear, eventTypes, rowOf } from '../../support/factories.ts'
import { anAlert, robot, tell } from './alerts.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))

/** The fields of HolmesGPT's documentation, question and answer in one object. */
const INVESTIGATION = {
  source: 'prometheus',
  title: 'Pod CrashLoopBackOff',
  description: 'Pod is crashing repeatedly',
  subject: { namespace: 'default', pod: 'my-pod' },
  context: {},
  analysis: "The pod 'my-pod' is crashing due to an OOMKilled event. Consider increasing memory limits.",
  sections: { 'Alert Explanation': '...' },
  tool_calls: [
    { tool_call_id: '1', tool_name: 'kubectl_logs', description: 'Fetch pod logs', result: { logs: '...' } },
  ],
  instructions: [],
}

const post = async (more: object = {}, caller = robot): Promise<Delivered> =>
  (await receiveInvestigation(db.sql, { ...INVESTIGATION, ...more }, caller)).result

describe('what HolmesGPT found', () => {
  it('is the answer of a task that is done, once', async () => {
    const { status, task_id } = await post()
    expect(status).toBe('accepted')
    expect(await rowOf(db.sql, task_id!)).toMatchObject({ state: 'done', output: INVESTIGATION.analysis })
    expect(await eventTypes(db.sql, task_id!)).toEqual(['accepted', 'done'])
    expect(await post()).toEqual({ status: 'duplicate', task_id })
  })

  it('answers the task of the alert while nobody has begun that, once', async () => {
    const { task_id } = await tell(db.sql, [anAlert({ fingerprint: 'f1' })])
    expect(await post({ fingerprint: 'f1' })).toEqual({ status: 'joined', task_id })
    expect(await rowOf(db.sql, task_id!)).toMatchObject({
      state: 'done',
      output: INVESTIGATION.analysis,
      agent: 'holmesgpt',
    })
    expect(await post({ fingerprint: 'f1' })).toEqual({ status: 'duplicate', task_id })
  })

  it('stands beside the task of the alert that somebody has answered', async () => {
    const { task_id: id } = await tell(db.sql, [anAlert({ fingerprint: 'f1' })])
    const { lease_no, lease_token } = await claimed(db.sql)
    await complete(db.sql, { id: id!, lease_no, lease_token, output: 'a log was too long' })
    const { status, task_id } = await post({ fingerprint: 'f1' })
    expect(status).toBe('accepted')
    expect(await rowOf(db.sql, task_id!)).toMatchObject({ state: 'done', conversation_id: id })
    expect(await rowOf(db.sql, id!)).toMatchObject({ output: 'a log was too long' })
    expect(await eventTypes(db.sql, id!)).toContain('finding')
  })

  it('tells who may not see the alert nothing of its task', async () => {
    const { task_id } = await tell(db.sql, [anAlert({ fingerprint: 'f1' })])
    const answer = await post({ fingerprint: 'f1' }, aCaller('guest'))
    expect(answer.task_id).not.toBe(task_id)
    expect(await rowOf(db.sql, task_id!)).toMatchObject({ state: 'pending' })
  })

  it('is no order, and refused by the name of the field', async () => {
    const { task_id } = await post({ title: 'add todo: buy milk', analysis: 'add todo: buy milk\0\ud83d' })
    expect(await rowOf(db.sql, task_id!)).toMatchObject({
      state: 'done',
      output: 'add todo: buy milk\ufffd\ufffd',
    })
    expect(await db.sql`select from hai.todo`).toHaveLength(0)
    await expect(post({ analysis: ' ' })).rejects.toMatchObject({
      plain: 'analysis: expected what was found, got none',
    })
    await expect(post({ fingerprint: 'a b' })).rejects.toMatchObject({
      plain: expect.stringMatching(/^fingerprint: /),
    })
  })
})
