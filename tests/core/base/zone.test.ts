import { afterEach, describe, expect, it, vi } from 'vitest'
import { ownZone } from '../../../f/hai/core/base/time.ts'
import { workerEnvironment } from '../../../runner/process/environment.ts'

afterEach(() => vi.unstubAllEnvs())

describe('the zone of whoever runs hai, where no setting says one', () => {
  it.each([
    ['', 'America/Toronto', 'America/Toronto'],
    // what Bun makes of the empty TZ that a worker gives its jobs
    ['', 'Etc/Unknown', 'UTC'],
    ['Asia/Tokyo', 'Etc/Unknown', 'Asia/Tokyo'],
    ['Asia/Tokyo', 'America/Toronto', 'Asia/Tokyo'],
    ['europe/berlin', 'UTC', 'Europe/Berlin'],
  ])('is with HAI_TIME_ZONE "%s" and TZ "%s" %s', (named, clock, zone) => {
    vi.stubEnv('HAI_TIME_ZONE', named)
    vi.stubEnv('TZ', clock)
    expect(ownZone()).toBe(zone)
  })

  it('is refused by name when it is none, and on a route without what it says', () => {
    vi.stubEnv('HAI_TIME_ZONE', 'Berlin')
    expect(ownZone).toThrow(
      expect.objectContaining({
        code: 'unavailable',
        message: expect.stringMatching(/^HAI_TIME_ZONE is "Berlin"; expected a time zone such as Europe/),
        plain: expect.not.stringContaining('"Berlin"'),
      }),
    )
    expect(() => workerEnvironment(process.env)).toThrow('HAI_TIME_ZONE is "Berlin"; expected a time zone')
  })

  it('is on the local stack that of its machine, though its jobs’ clocks are in UTC', () => {
    vi.stubEnv('TZ', 'America/Toronto')
    expect(workerEnvironment({ HOME: '/home/sam' })).toMatchObject({
      TZ: '',
      HAI_TIME_ZONE: 'America/Toronto',
    })
  })
})
