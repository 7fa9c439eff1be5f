import { describe, expect, it } from 'vitest'
import {
  DEFAULT_MEMBERS,
  identify,
  Members,
  principal,
  routeUser,
  webhookUser,
} from '../../../f/hai/core/base/caller.ts'
import { testDatabase } from '../../support/database.ts'
import { aTask } from '../../support/factories.ts'

const db = testDatabase()
const MEMBERS: Members = {
  operator: { role: 'operator', usernames: ['operator', 'max'] },
  guest: { role: 'member', usernames: ['guest-1'] },
  alerts: { role: 'machine', usernames: ['alerts'] },
}

/** What Windmill calls a job by that no unlabelled token of a user's started; whoever makes a token writes its label. */
const STAND_INS = [
  'label-operator',
  'label-alerts',
  'label-label-operator',
  'label-u/operator',
  'webhook-operator',
  'http-operator',
  'email-operator',
  'ws-operator',
  'schedule-f-hai-worker-sweep',
  'HTTP-f/hai/http/inbox',
  'ephemeral-script-end-user-operator',
  'ephemeral-webhook-operator',
  'Ephemeral lsp token',
  'session',
  'lsp',
]
const ODD = [
  '',
  'operator',
  'u/',
  'u/operator/x',
  ' u/operator',
  'u/operator ',
  'u/op erator',
  'g/all',
  'g/operator',
  'f/hai',
  'operator@example.com',
]

describe('whose call of a webhook a job is', () => {
  it('is told by whose rights it has, whatever his token is called', () => {
    for (const username of ['guest-1', ...STAND_INS])
      expect(webhookUser({ permissionedAs: 'u/guest-1', username })).toBe('guest-1')
  })

  it.each(ODD)('is nobody’s when Windmill says %j', (permissionedAs) => {
    expect(() => webhookUser({ permissionedAs, username: 'operator' })).toThrow(
      expect.objectContaining({ code: 'forbidden' }),
    )
  })

  it('is nobody’s when another user has started it: it would be whoever has deployed it', () => {
    for (const username of ['guest-1', '', 'operator2'])
      expect(() => webhookUser({ permissionedAs: 'u/operator', username })).toThrow(
        /the rights of operator, and Windmill says that/,
      )
  })
})

describe('whose call of a route a job is', () => {
  it('is told by the name of an unlabelled token’s user', () => {
    expect(routeUser({ permissionedAs: 'u/hai', username: 'guest-1' })).toBe('guest-1')
  })

  it('is refused with a labelled one, saying what to do and not what it is called', () => {
    for (const permissionedAs of ['u/hai', 'u/guest-1', 'u/operator'])
      for (const username of STAND_INS) {
        const call = () => routeUser({ permissionedAs, username })
        expect(call).toThrow(expect.objectContaining({ code: 'forbidden' }))
        expect(call).toThrow(
          /make one without, of a user of the machine's own: hai auth token add --for NAME/,
        )
        expect(call).not.toThrow(username)
      }
  })

  it('is his own who runs it as a script, and nobody’s where it has somebody’s rights', () => {
    expect(routeUser({ permissionedAs: 'u/guest-1', username: 'guest-1' })).toBe('guest-1')
    for (const username of ['guest-1', '', 'hai'])
      expect(() => routeUser({ permissionedAs: 'u/operator', username })).toThrow(/deploy hai's routes again/)
    expect(() => routeUser({ permissionedAs: 'u/guest-1', username: 'operator' })).toThrow(/routes again/)
  })

  it.each(ODD)('is nobody’s when Windmill says %j', (permissionedAs) => {
    expect(() => routeUser({ permissionedAs, username: 'operator' })).toThrow(
      expect.objectContaining({ code: 'forbidden' }),
    )
  })
})

describe('the members configuration', () => {
  it.each([...STAND_INS])('takes no %s, whose name anybody may give his token', (username) => {
    const { error } = Members.safeParse({ alerts: { role: 'machine', usernames: ['alerts', username] } })
    expect(error?.issues).toMatchObject([
      { path: ['alerts', 'usernames', 1], message: expect.stringContaining('hai member add') },
    ])
  })

  it('takes nobody who runs as the routes do, whoever calls them', () => {
    expect(Members.safeParse({ hai: { role: 'machine', usernames: ['hai'] } }).error?.issues).toMatchObject([
      { path: ['hai', 'usernames', 0], message: expect.stringContaining('take it out') },
    ])
  })

  it.each(['label', 'labelled', 'sessions', 'web', 'https', 'httpd-1', 'max.m', 'scheduler-nas'])(
    'takes a user %s',
    (username) => {
      expect(Members.safeParse({ someone: { role: 'member', usernames: [username] } }).success).toBe(true)
    },
  )
})

describe('identify', () => {
  it('knows the operator without any configuration', () => {
    expect(identify('operator', DEFAULT_MEMBERS, 'UTC')).toMatchObject({ name: 'operator', role: 'operator' })
  })

  it('knows a member by any of his user names', () => {
    expect(identify('guest-1', MEMBERS, 'Europe/Zurich')).toMatchObject({
      name: 'guest',
      role: 'member',
      zone: 'Europe/Zurich',
    })
    expect(identify('max', MEMBERS, 'UTC').name).toBe('operator')
  })

  it.each([
    'Operator',
    'operator ',
    'guest',
    '',
    'hai',
    'label-alerts',
    'u/operator',
    'toString',
    '__proto__',
  ])('matches exactly: %j is nobody', (username) => {
    expect(() => identify(username, MEMBERS, 'UTC')).toThrow(
      expect.objectContaining({
        code: 'forbidden',
        message: expect.stringContaining('members configuration'),
      }),
    )
  })
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
