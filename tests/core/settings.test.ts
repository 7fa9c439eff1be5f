import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import { DEFAULT_MEMBERS, Members, principal } from '../../f/hai/core/base/caller.ts'
import { loadConfig, storedConfig } from '../../f/hai/core/base/config.ts'
import type { Setting } from '../../f/hai/core/base/contract.ts'
import { Budget } from '../../f/hai/core/cost/budget.ts'
import { health } from '../../f/hai/core/health.ts'
import { home } from '../../f/hai/core/home.ts'
import { SETTINGS } from '../../f/hai/core/house.ts'
import { refreshSettings, showSettings } from '../../f/hai/core/settings.ts'
import { receive } from '../../f/hai/core/surface/inbox.ts'
import { testDatabase } from '../support/database.ts'
import { aTaker, clear } from '../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))

const bundle = join(import.meta.dirname, '..', '..', 'f', 'hai')
const shipped = (name: string): unknown =>
  parse(readFileSync(join(bundle, `${name}.resource.yaml`), 'utf8')).value

/** Windmill's resources: what the bundle ships, with the operator's own beside it. */
const resources =
  (own: Record<string, unknown> = {}, defaults = shipped) =>
  async (path: string): Promise<unknown> =>
    path.startsWith('f/hai/')
      ? defaults(path.slice('f/hai/'.length))
      : own[path.slice('u/operator/hai_'.length)]

const one = async (name: string, read: (path: string) => Promise<unknown>): Promise<Setting> => {
  const { settings } = await showSettings(db.sql, { name: name as never }, read)
  return settings[0]!
}

describe('the settings that are shipped', () => {
  it.each(Object.entries(SETTINGS))('are good: %s', (name, schema) => {
    expect(() => schema.parse(shipped(name))).not.toThrow()
  })

  it('cap a task at $5, an agent’s day at $10 and a day at $30', () => {
    expect(Budget.parse(shipped('budget'))).toMatchObject({
      caps: {
        task: { per: 'task', usd: 5 },
        agent_day: { per: 'agent', period: 'day', usd: 10 },
        day: { per: 'all', period: 'day', usd: 30 },
      },
    })
  })
})

describe('showing them', () => {
  it('tells of each value where it comes from', async () => {
    const read = resources({
      budget: { time_zone: 'Pacific/Auckland', caps: { day: { usd: 50 }, agent_day: null } },
    })
    expect(await one('budget', read)).toMatchObject({
      name: 'budget',
      value: {
        time_zone: 'Pacific/Auckland',
        caps: { task: { per: 'task', usd: 5 }, day: { per: 'all', period: 'day', usd: 50 } },
      },
      origin: {
        time_zone: 'u/operator/hai_budget',
        'caps.task.per': 'f/hai/budget',
        'caps.task.usd': 'f/hai/budget',
        'caps.day.per': 'f/hai/budget',
        'caps.day.period': 'f/hai/budget',
        'caps.day.usd': 'u/operator/hai_budget',
      },
    })
  })

  it('tells what hai itself fills in', async () => {
    const { origin } = await one(
      'models',
      resources({}, () => ({})),
    )
    expect(origin).toEqual({ liveness_seconds: 'built in', backends: 'built in' })
  })

  it('tells what is wrong with a file, and shows what is in force instead', async () => {
    await one('budget', resources({ budget: { caps: { day: { usd: 50 } } } }))
    const { value, error } = await one('budget', resources({ budget: { caps: { day: { usd: -1 } } } }))
    expect(value).toMatchObject({ caps: { day: { usd: 50 } } })
    expect(error).toMatch(
      /^budget configuration \(budget\.yaml, on Windmill u\/operator\/hai_budget\): caps\.day\.usd: -1 /,
    )
    // the file that was read last says no more where these came from
    expect((await one('budget', resources({ budget: { caps: { day: { usd: -1 } } } }))).origin).toMatchObject(
      {
        'caps.day.usd': 'u/operator/hai_budget, as it was',
        'caps.task.usd': 'f/hai/budget',
      },
    )
  })

  it('refuses a name that there is none of', async () => {
    await expect(one('prices', resources())).rejects.toThrow(
      /name: "prices" .*expected one of budget, channels/,
    )
  })
})

describe('an upgrade of the bundle', () => {
  it('brings new defaults and leaves the operator’s own cap and model as they were', async () => {
    const own = {
      budget: { caps: { day: { usd: 50 } } },
      models: { default: 'ollama/qwen3:8b', backends: { openai: { enabled: false } } },
    }
    const old = (name: string) => (name === 'models' ? { backends: { openai: OPENAI } } : shipped(name))
    const next = (name: string) => {
      if (name === 'budget') return { caps: { day: { per: 'all', period: 'day', usd: 20 }, month: MONTH } }
      return name === 'models'
        ? { liveness_seconds: 60, default: 'x/y', backends: { openai: OPENAI } }
        : shipped(name)
    }
    await refreshSettings(db.sql, resources(own, old))
    await db.sql`delete from hai.pulse`
    await refreshSettings(db.sql, resources(own, next))
    const { caps } = await storedConfig(db.sql, 'budget', Budget)
    expect(caps).toEqual({ day: { per: 'all', period: 'day', usd: 50 }, month: MONTH })
    expect(await storedConfig(db.sql, 'models', SETTINGS.models!)).toMatchObject({
      liveness_seconds: 60,
      default: 'ollama/qwen3:8b',
      backends: { openai: { enabled: false, url: OPENAI.url } },
    })
  })
})

const MONTH = { per: 'all', period: 'month', usd: 300 }
const OPENAI = { kind: 'openai-compatible', url: 'https://models.example.com', billing: 'metered' }

describe('refreshing them', () => {
  it('reads them once a minute, however often it is asked', async () => {
    const read = vi.fn(resources())
    await refreshSettings(db.sql, read)
    const once = read.mock.calls.length
    await refreshSettings(db.sql, read)
    expect(read).toHaveBeenCalledTimes(once)
    await db.sql`update hai.pulse set last_at = now() - interval '61 seconds'`
    await refreshSettings(db.sql, read)
    expect(read).toHaveBeenCalledTimes(2 * once)
  })

  it('reads the others when one is bad whose defaults are bad too', async () => {
    const complaint = vi.spyOn(console, 'error').mockImplementation(() => {})
    const robot = { role: 'machine', usernames: ['robot'] }
    await refreshSettings(
      db.sql,
      resources({ members: { robot } }, (name) => (name === 'channels' ? { nobody: 1 } : shipped(name))),
    )
    expect(complaint.mock.calls.join()).toMatch(/channels configuration .*nobody/)
    complaint.mockRestore()
    const [row] = await db.sql`select value from hai.config where name = 'members'`
    expect(row?.value).toMatchObject({ operator: { usernames: ['operator'] }, robot })
  })
})

describe('a setting that an earlier release had', () => {
  it('is forgotten, with what was wrong with it', async () => {
    await db.sql`
      insert into hai.config (name, value, hash, error) values ('agents', '{}', 'x', 'unknown field nobody')`
    await refreshSettings(db.sql, resources())
    expect(await db.sql`select from hai.config where name = 'agents'`).toHaveLength(0)
    expect((await health(db.sql)).problems.join()).not.toContain('nobody')
    const { settings } = await showSettings(db.sql, {}, resources())
    expect(settings.map(({ name }) => name)).not.toContain('agents')
  })
})

describe('what is told of them', () => {
  const operator = principal('operator', DEFAULT_MEMBERS, 'UTC')
  const sam = principal('sam', { sam: { role: 'member', usernames: ['sam'] } }, 'UTC')
  const metered = { kind: 'anthropic', billing: 'metered', models: { 'claude-x': { input: 3, output: 15 } } }
  const read = (own: Record<string, unknown>) => refreshSettings(db.sql, resources(own))

  it('a broken one to the operator wherever he looks, and to nobody else', async () => {
    await read({ budget: { capz: {} }, models: { backends: { x: { kind: 'openai' } } } })
    const broken = [
      /^budget configuration .*unknown field capz; did you mean caps\?; hai's defaults are in force$/,
      /^models configuration .*backends\.x\.kind: "openai" /,
    ]
    const { problems } = await home(db.sql, {}, operator)
    expect(problems).toEqual(broken.map((text) => expect.stringMatching(text)))
    expect((await health(db.sql)).problems).toEqual(expect.arrayContaining(problems!))
    const accepted = await receive(db.sql, { source: 'test', content: 'x' }, operator, aTaker())
    expect(accepted).toMatchObject({ problems })
    expect(await home(db.sql, {}, sam)).not.toHaveProperty('problems')
    expect(await receive(db.sql, { source: 'test', content: 'x' }, sam, aTaker())).not.toHaveProperty(
      'problems',
    )
  })

  it.each([
    ['no cap at all', { caps: { task: null, agent_day: null, day: null } }, /no cap is set/],
    ['none for all work', { caps: { day: null } }, /no cap holds for all work/],
    [
      'a cap of nothing',
      { caps: { day: { usd: 0 } } },
      /the cap day is \$0, so that no metered model is asked/,
    ],
    ['prices that nobody knows', { unknown_price: 'allow' }, /unknown_price is allow/],
  ])('a guard that is off, where something costs money: %s', async (_, budget, text) => {
    await read({ budget })
    expect((await home(db.sql, {}, operator)).problems).toBeUndefined()
    await db.sql`delete from hai.pulse`
    await read({ budget, models: { backends: { claude: metered } } })
    const told = expect.stringMatching(text)
    expect((await home(db.sql, {}, operator)).problems).toContainEqual(told)
    expect(await health(db.sql)).toMatchObject({ problems: [], guards: expect.arrayContaining([told]) })
    const accepted = await receive(db.sql, { source: 'test', content: 'x' }, operator, aTaker())
    expect(accepted).toMatchObject({ guards: expect.arrayContaining([told]) })
    expect(await receive(db.sql, { source: 'test', content: 'x' }, sam, aTaker())).not.toHaveProperty(
      'guards',
    )
  })
})

describe('what is refused', () => {
  it.each([
    ['a cap below zero', Budget, { caps: { day: { per: 'all', period: 'day', usd: -5 } } }, 'caps.day.usd'],
    ['a cap per day without its day', Budget, { caps: { day: { per: 'all', usd: 5 } } }, 'caps.day.period'],
    ['a zone that there is none of', Budget, { time_zone: 'Mars/Olympus' }, 'time_zone'],
    [
      'a route’s name as a person',
      Members,
      { guest: { role: 'member', usernames: ['HTTP-f/hai/inbox'] } },
      'guest.usernames.0',
    ],
    [
      'one user name as two members',
      Members,
      { a: { role: 'member', usernames: ['x'] }, b: { role: 'machine', usernames: ['x'] } },
      'b.usernames',
    ],
    ['an unknown role', Members, { a: { role: 'king', usernames: ['x'] } }, 'a.role'],
  ] as const)('%s', async (_, schema, value, path) => {
    const load = loadConfig(db.sql, 'one', schema, async (from) => (from === 'f/hai/one' ? value : undefined))
    await expect(load).rejects.toThrow(`hai_one): ${path}`)
  })
})
