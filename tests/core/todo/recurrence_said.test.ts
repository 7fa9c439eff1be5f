import { describe, expect, it } from 'vitest'
import { parseTodoText } from '../../../f/hai/core/todo/text.ts'

/** A Wednesday. */
const clock = { zone: 'Europe/Berlin', now: new Date('2026-11-25T12:00:00Z') }
const read = (text: string) => parseTodoText(text, clock)

describe('how often, in the text of a todo,', () => {
  it.each<[string, string, string, object?]>([
    ['take out the bins every monday', 'take out the bins', 'every Monday'],
    ['every monday take out the bins', 'take out the bins', 'every Monday'],
    ['every monday: bins', 'bins', 'every Monday'],
    ['Every Monday, take out the bins', 'take out the bins', 'every Monday'],
    ['weekly: check the backups', 'check the backups', 'every week'],
    ['check the backups daily', 'check the backups', 'every day'],
    ['pay rent monthly on the 1st', 'pay rent', 'every month on the 1st'],
    ['pay rent due every month', 'pay rent', 'every month'],
    [
      'change the filter every 3 months #house !low',
      'change the filter',
      'every 3 months',
      { tags: ['house'], priority: 'low' },
    ],
    [
      '#garden water the ferns every 3 days after',
      'water the ferns',
      'every 3 days after it is done',
      { tags: ['garden'] },
    ],
    [
      'scrub tank every first sunday of the month at 9:00',
      'scrub tank',
      'every month on the first Sunday at 09:00',
    ],
    ['pills every day at 7', 'pills', 'every day at 07:00'],
    ['pills every day 7am', 'pills', 'every day at 07:00'],
    ['scrub tank every 2 weeks due friday', 'scrub tank', 'every 2 weeks', { due: '2026-11-27' }],
    ['scrub tank due friday every 2 weeks', 'scrub tank', 'every 2 weeks', { due: '2026-11-27' }],
    ['scrub tank friday every 2 weeks', 'scrub tank', 'every 2 weeks', { due: '2026-11-27' }],
    ['scrub tank every 2 weeks starting friday', 'scrub tank', 'every 2 weeks', { due: '2026-11-27' }],
    ['scrub tank every month from 1 dec', 'scrub tank', 'every month', { due: '2026-12-01' }],
    ['wish anna well yearly on 3 Dec (call her)', 'wish anna well (call her)', 'every year on 3 Dec'],
    ['renew cert every year on 3 dec.', 'renew cert', 'every year on 3 Dec'],
    ['vacuum (every saturday)', 'vacuum', 'every Saturday'],
    ['clean that shelf', 'clean that shelf', ''],
    ['stand-up every weekday at 9:30 +work', 'stand-up', 'every weekday at 09:30', { tags: ['work'] }],
  ])('“%s” is “%s”, %s', (text, body, recur, more = {}) => {
    expect(read(text)).toMatchObject({ body, ...(recur && { recur }), ...more })
    if (!recur) expect(read(text)).not.toHaveProperty('recur')
  })

  it.each([
    ...['check every disk', 'every day is a school day', 'write the weekly report', 'weekly report'],
    ...[
      'log every 5 minutes to the file',
      'fix the daily backups',
      'daily backups of the nas',
      'read the daily',
    ],
    ...['test each backup', 'one for every day', 'the fan of every second rack', 'rename “run every monday”'],
    ...[
      'review the monthly bill of anna',
      'ask for monthly payments',
      'buy 3 of each',
      'every time it rains close the roof',
    ],
    ...[
      'move from weekly to daily backups',
      'every now and then look at the logs',
      'write about what is due every friday',
    ],
  ])('is not in “%s”', (text) => {
    const { body, recur, due } = read(text)
    expect({ body, recur, due }).toEqual({ body: text })
  })

  it.each([
    ['fix the job that runs every night', '--every "day"'],
    ['find out why the disk spins up every day at 3:00', '--every "day at 03:00"'],
    ['schedule restic to run every sunday', '--every "Sunday"'],
    ['look at the backup every monday makes', '--every "Monday"'],
    ['every monday meeting needs notes', '--every "Monday"'],
  ])('is left in “%s”, which is said', (text, option) => {
    expect(read(text)).toMatchObject({ body: text, unread: [{ option }] })
    expect(read(text)).not.toHaveProperty('recur')
  })

  it('is found in no time in a long text', () => {
    for (const text of [
      'every monday and '.repeat(600),
      'every '.repeat(1600),
      'every 2 weeks x '.repeat(600),
    ])
      expect(read(text).body.length).toBeGreaterThan(1000)
  })
})
