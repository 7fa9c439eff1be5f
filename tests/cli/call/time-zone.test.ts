import { describe, expect, it } from 'vitest'
import { timeZone, zoned } from '../../../cli/call/time-zone.ts'

describe('timeZone', () => {
  it.each([
    ['Europe/Berlin', 'Europe/Berlin'],
    [':Pacific/Auckland', 'Pacific/Auckland'],
    ['America/Argentina/Buenos_Aires', 'America/Argentina/Buenos_Aires'],
    ['Etc/GMT+5', 'Etc/GMT+5'],
    ['UTC', 'UTC'],
  ])('is what TZ=%s names', (named, zone) => {
    expect(timeZone({ TZ: named })).toBe(zone)
  })

  it.each(['CET-1CEST,M3.5.0,M10.5.0/3', '/usr/share/zoneinfo/Europe/Berlin', 'EST5EDT', 'x y'])(
    'is never the form that TZ=%s has, which no clock elsewhere goes by',
    (named) => {
      const zone = timeZone({ TZ: named })
      expect(zone).not.toBe(named)
      // what the engine makes of it, or nothing
      if (zone !== undefined) expect(() => new Intl.DateTimeFormat('en', { timeZone: zone })).not.toThrow()
    },
  )

  it('is none that no machine knows', () => {
    expect(timeZone({ TZ: 'Nope/Zone' })).not.toBe('Nope/Zone')
  })

  it('is the machine’s where the shell says none', () => {
    expect(timeZone({})).toBe(timeZone({ TZ: '' }))
    expect(() => new Intl.DateTimeFormat('en', { timeZone: timeZone({}) })).not.toThrow()
  })
})

describe('zoned', () => {
  const env = { TZ: 'Europe/Berlin' }

  it.each([
    'home',
    'todo/add',
    'todo/list',
    'todo/show',
    'todo/update',
    'todo/undo',
    'todo/skip',
    'todo/run',
  ])('says to %s in which zone the caller is', (path) => {
    expect(zoned(path, { id: 'x' }, env)).toEqual({ id: 'x', time_zone: 'Europe/Berlin' })
  })

  it.each(['health', 'task/show', 'task/list', 'model/list'])(
    'says none to %s, which is of no day',
    (path) => {
      expect(zoned(path, { id: 'x' }, env)).toEqual({ id: 'x' })
    },
  )
})
