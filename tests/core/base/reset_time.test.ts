import { describe, expect, it } from 'vitest'
import { resetTime } from '../../../f/hai/core/base/reset_time.ts'
import fc from '../../support/fast-check.ts'

const now = new Date('2026-11-29T12:00:00Z')
const at = { now, zone: 'Europe/Berlin' }
const said = (text: string) => resetTime({ text }, at)?.toISOString()
const sent = (headers: Record<string, string>) => resetTime({ headers }, at)?.toISOString()
const in_ = (seconds: number) => new Date(now.getTime() + seconds * 1000).toISOString()

describe('when a limit is lifted', () => {
  it.each([
    ["You've hit your limit · resets 2:30pm (America/Toronto)", '2026-11-29T19:30:00.000Z'],
    ["You've hit your limit · resets 6:30am (America/Toronto)", '2026-11-30T11:30:00.000Z'],
    ['Claude usage limit reached. Your limit will reset at 1pm (Etc/GMT+5).', '2026-11-29T18:00:00.000Z'],
    ['resets 3am', '2026-11-30T02:00:00.000Z'],
    ['resets 12am', '2026-11-29T23:00:00.000Z'],
    ['resets 12pm', '2026-11-30T11:00:00.000Z'],
    ['5-hour limit reached ∙ resets 10am', '2026-11-30T09:00:00.000Z'],
    ['resets Nov 30 at 9am', '2026-11-30T08:00:00.000Z'],
    ['weekly limit reached · resets Dec 3, 5pm (Asia/Kolkata)', '2026-12-03T11:30:00.000Z'],
    ['resets Jan 2 at 9am', '2027-01-02T08:00:00.000Z'],
    ['resets Nov 28, 9am', '2026-11-28T08:00:00.000Z'],
    ['resets Monday 9am', '2026-11-30T08:00:00.000Z'],
    ['resets tomorrow at 9am', '2026-11-30T08:00:00.000Z'],
    ['session limit · resets at 14:30 UTC', '2026-11-29T14:30:00.000Z'],
    ['resets 11:59 PM PST', '2026-11-30T07:59:00.000Z'],
    ['resets 3pm (GMT+2)', '2026-11-29T13:00:00.000Z'],
    ['try again at Dec 5th, 2026 2:30 PM', '2026-12-05T13:30:00.000Z'],
    ['You will regain access on 2026-12-01 at 00:00 UTC.', '2026-12-01T00:00:00.000Z'],
    ['resets at 2026-11-30T09:00:00.123+05:30', '2026-11-30T03:30:00.000Z'],
    ['Claude AI usage limit reached|1796000000', '2026-11-30T00:53:20.000Z'],
    ['usage limit reached|1796000000000', '2026-11-30T00:53:20.000Z'],
  ])('is read from “%s”', (text, expected) => expect(said(text)).toBe(expected))

  it.each([
    ['Rate limit: 3 requests per min. Please try again in 20s. Add a payment method.', 20],
    ['Please try again in 1m30s', 90],
    ['Please try again in 7m12.5s.', 432.5],
    ['try again in 6ms', 0.006],
    ['Please retry in 34.5s.', 34.5],
    ['Please retry after 26 seconds.', 26],
    ['Please wait 20 seconds and ask again', 20],
    ['Try again in 3 days 4 hours 5 minutes.', 273_900],
    ['try again in an hour', 3600],
    ['resets in 2h 15m', 8100],
    ['{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34s"}]}}', 34],
    ['{"error":{"resets_in_seconds":120,"type":"usage_limit_reached"}}', 120],
    ['{"error":"{\\"retry_after\\": 5.5}"}', 5.5],
    ['{"retry_after_ms": 1500}', 1.5],
  ])('is read from “%s”', (text, seconds) => expect(said(text)).toBe(in_(seconds)))

  it.each([
    ['retry-after', '7', 7],
    ['Retry-After', 'Sun, 29 Nov 2026 12:10:00 GMT', 600],
    ['retry-after-ms', '1500', 1.5],
    ['x-ratelimit-reset-requests', '6m0s', 360],
    ['x-ratelimit-reset-tokens', '7.66s', 7.66],
    ['x-ratelimit-reset', '30', 30],
    ['X-RateLimit-Reset', String(now.getTime() + 61_000), 61],
    ['x-ratelimit-reset', String(now.getTime() / 1000 + 61), 61],
    ['anthropic-ratelimit-requests-reset', '2026-11-29T12:30:00Z', 1800],
  ])('is read from the header %s: %s', (name, value, seconds) =>
    expect(sent({ [name]: value })).toBe(in_(seconds)),
  )

  it('is that of what is spent, and what is said outright comes before any of it', () => {
    const buckets = {
      'x-ratelimit-reset-requests': '6m0s',
      'x-ratelimit-remaining-requests': '99',
      'x-ratelimit-reset-tokens': '20s',
      'x-ratelimit-remaining-tokens': '0',
    }
    expect(sent(buckets)).toBe(in_(20))
    expect(sent({ ...buckets, 'retry-after': '4' })).toBe(in_(4))
  })

  it.each([
    '',
    'Internal Server Error',
    'the model has 3 slots',
    'limit of 50000 tokens per minute',
    'resets soon',
  ])('is not made up from “%s”', (text) => expect(said(text)).toBeUndefined())

  it('is never put earlier than it was said, in whatever form, zone and season', () => {
    const zones = ['America/Toronto', 'Asia/Kolkata', 'Pacific/Auckland', 'Europe/Berlin', 'UTC', 'Etc/GMT+5']
    const clockIn = (zone: string, date: Date, withDay: boolean) => {
      const parts = new Intl.DateTimeFormat('en-US', {
        timeZone: zone,
        ...(withDay ? { month: 'short', day: 'numeric' } : {}),
        hour: 'numeric',
        minute: '2-digit',
      } as const).formatToParts(date)
      const part = (type: string) => parts.find((one) => one.type === type)?.value ?? ''
      const time = `${part('hour')}:${part('minute')}${part('dayPeriod').toLowerCase()}`
      return withDay ? `${part('month')} ${part('day')} at ${time}` : time
    }
    fc.assert(
      fc.property(
        fc.date({ min: new Date('2026-01-01'), max: new Date('2027-12-31'), noInvalidDate: true }),
        fc.integer({ min: 1, max: 6 * 24 * 60 }),
        fc.constantFrom(...zones),
        fc.constantFrom(...zones),
        fc.constantFrom('clock', 'day', 'epoch', 'length', 'header', 'date'),
        (moment, minutes, zone, own, form) => {
          const now = new Date(Math.floor(moment.getTime() / 60_000) * 60_000)
          const reader = { now, zone: own }
          const away = form === 'clock' ? (minutes % 1380) + 1 : minutes
          const reset = new Date(now.getTime() + away * 60_000)
          const forms: Record<string, Parameters<typeof resetTime>[0]> = {
            clock: { text: `You've hit your limit · resets ${clockIn(zone, reset, false)} (${zone})` },
            day: { text: `weekly limit reached · resets ${clockIn(zone, reset, true)} (${zone})` },
            epoch: { text: `limit reached|${reset.getTime() / 1000}` },
            length: { text: `Please try again in ${Math.floor(away / 60)}h${away % 60}m0s.` },
            header: { headers: { 'retry-after': String(away * 60) } },
            date: { headers: { 'anthropic-ratelimit-tokens-reset': reset.toISOString() } },
          }
          const read = resetTime(forms[form]!, reader)!
          // an hour that a clock shows twice is the later one
          const late = read.getTime() - reset.getTime()
          expect(late).toBeGreaterThanOrEqual(0)
          expect(late).toBeLessThanOrEqual(form === 'clock' || form === 'day' ? 3_600_000 : 0)
          const twice = clockIn(zone, read, true) === clockIn(zone, reset, true)
          expect(late === 0 || twice).toBe(true)
        },
      ),
      { numRuns: 400 },
    )
  })
})
