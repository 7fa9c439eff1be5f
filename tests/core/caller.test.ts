import { describe, expect, it } from 'vitest'
import { identify, principal } from '../../f/hai/core/caller.ts'
import { DEFAULT_MEMBERS, type Members } from '../../f/hai/core/members.ts'
import { testDatabase } from '../support/database.ts'
import { aTask } from '../support/factories.ts'

const db = testDatabase()
const MEMBERS: Members = {
  operator: { role: 'operator', usernames: ['operator', 'u/operator'] },
  guest: { role: 'member', usernames: ['guest@example.com'] },
  alerts: { role: 'machine', usernames: ['label-alerts'] },
}

describe('identify', () => {
  it('knows the operator without any configuration', () => {
    expect(identify('operator', DEFAULT_MEMBERS, 'UTC')).toMatchObject({ name: 'operator', role: 'operator' })
  })

  it('knows a member by any of his user names', () => {
    expect(identify('guest@example.com', MEMBERS, 'Europe/Zurich')).toMatchObject({
      name: 'guest',
      role: 'member',
      zone: 'Europe/Zurich',
    })
    expect(identify('u/operator', MEMBERS, 'UTC').name).toBe('operator')
  })

  it.each(['Operator', 'operator ', 'guest', '', 'HTTP-operator', 'toString', '__proto__'])(
    'matches exactly: %j is nobody',
    (username) => {
      expect(() => identify(username, MEMBERS, 'UTC')).toThrow(
        expect.objectContaining({
          code: 'forbidden',
          message: expect.stringContaining('members configuration'),
        }),
      )
    },
  )
})

describe('principal', () => {
  it.each<[string, string]>([
    ['operator', 'operator'],
    ['alerts', 'machine'],
    ['guest', 'member'],
    ['somebody who left', 'member'],
    ['toString', 'member'],
    ['__proto__', 'member'],
  ])('%s is %s', (name, role) => {
    expect(principal(name, MEMBERS, 'UTC')).toMatchObject({ name, role })
  })

  it('sees everything as operator or machine, and only his own as a member or one who left', async () => {
    await aTask(db.sql, {}, 'operator')
    const his = await aTask(db.sql, {}, 'guest')
    const seen = async (name: string) => {
      const rows = await db.sql<{ id: string }[]>`
        select id from hai.task_queue where ${principal(name, MEMBERS, 'UTC').sees(db.sql)}`
      return rows.map((row) => row.id)
    }
    expect(await seen('operator')).toHaveLength(2)
    expect(await seen('alerts')).toHaveLength(2)
    expect(await seen('guest')).toEqual([his])
    expect(await seen('somebody who left')).toEqual([])
  })
})
