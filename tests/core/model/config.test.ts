import { beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { Models } from '../../../f/hai/core/base/backends.ts'
import { loadConfig, storedConfig } from '../../../f/hai/core/base/config.ts'
import { HaiError } from '../../../f/hai/core/base/errors.ts'
import { Channels } from '../../../f/hai/core/outbox/channels.ts'
import { testDatabase } from '../../support/database.ts'
import { clear } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))

const claude = {
  kind: 'anthropic',
  billing: 'metered',
  api_key: '$env:ANTHROPIC_API_KEY',
  models: { 'claude-fake': { context: 200_000, input: 3, output: 15 } },
}

/** Loads with these defaults of the bundle and this file of the operator's own. */
const load = (defaults: unknown, own?: unknown) =>
  loadConfig(db.sql, 'models', Models, async (path) => (path === 'f/hai/models' ? defaults : own))

const stored = async () => {
  const [row] = await db.sql`select value, error from hai.config where name = 'models'`
  return row
}

describe('configuration', () => {
  it('is the bundle’s defaults when there is no file of the operator’s own', async () => {
    expect(await load({ liveness_seconds: 60 })).toEqual({ liveness_seconds: 60, backends: {} })
    expect(await load(undefined)).toEqual({ liveness_seconds: 120, backends: {} })
  })

  it('is overridden key by key, at any depth; null takes a default away', async () => {
    const models = await load(
      { default: 'claude/claude-fake', liveness_seconds: 60, backends: { claude } },
      { default: null, backends: { claude: { models: { 'claude-fake': { input: 4, output: null } } } } },
    )
    expect(models.default).toBeUndefined()
    expect(models.liveness_seconds).toBe(60)
    expect(models.backends.claude).toEqual({
      ...claude,
      enabled: true,
      models: { 'claude-fake': { context: 200_000, input: 4 } },
    })
  })

  it.each([
    ['smollm2:', 'models:\n  smollm2:', { smollm2: {} }],
    ['a list', 'models: [smollm2, "qwen3:8b"]', { smollm2: {}, 'qwen3:8b': {} }],
    ['one name', 'models: smollm2', { smollm2: {} }],
    ['nothing', 'models:', {}],
    ['one with and one without', 'models: { a: { context: 2048 }, b: }', { a: { context: 2048 }, b: {} }],
  ])('takes models that say no more than their names: %s', async (_, yaml, models) => {
    const near = { kind: 'openai-compatible', url: 'http://127.0.0.1:8081/v1', billing: 'local' }
    const own = { backends: { near: { ...near, ...(parse(yaml) as object) } } }
    expect((await load({ backends: {} }, own)).backends.near?.models).toEqual(models)
    // as doors read it, from what is stored
    expect((await storedConfig(db.sql, 'models', Models)).backends.near?.models).toEqual(models)
  })

  it.each([[7], [[{ smollm2: {} }]], [{ smollm2: 7 }]])('refuses models like %j', async (models) => {
    const near = { kind: 'openai-compatible', url: 'http://127.0.0.1:8081/v1', billing: 'local', models }
    await load({}, { backends: { near } })
    expect((await stored())?.error).toMatch(/backends\.near\.models/)
  })

  it('keeps references as references', async () => {
    await load({ backends: { claude: { ...claude, api_key: '$env:CLAUDE_KEY' } } })
    expect((await stored())?.value.backends.claude.api_key).toBe('$env:CLAUDE_KEY')
  })

  it.each(['$var:u/operator/key', '$var:', '$res:u/operator/x', '$jsonvar:u/zz', '$encrypted:c2VjcmV0'])(
    'refuses %s wherever it stands, with what to write instead, and shows nothing of it',
    async (given) => {
      const hook = { kind: 'webhook', url: 'https://example.com/' }
      const cases = [
        [
          'models',
          Models,
          { backends: { claude: { ...claude, api_key: given } } },
          'backends.claude.api_key',
        ],
        ['models', Models, { backends: { claude: { ...claude, url: given } } }, 'backends.claude.url'],
        ['models', Models, { default: given }, 'default'],
        ['channels', Channels, { hook: { ...hook, token: given } }, 'hook.token'],
        ['channels', Channels, { hook: { ...hook, url: given } }, 'hook.url'],
        ['channels', Channels, { hook: { ...hook, notices: [given] } }, 'hook.notices.0'],
      ] as const
      for (const [name, schema, own, field] of cases) {
        const read = async (path: string) => (path === `f/hai/${name}` ? {} : own)
        await loadConfig(db.sql, name, schema, read)
        const [row] = await db.sql<{ error: string }[]>`select error from hai.config where name = ${name}`
        const [kind] = given.split(/(?<=:)/)
        expect(row?.error).toContain(
          `: ${field} begins with ${kind}, which hai does not look up; name it by $env:NAME, and set it where`,
        )
        expect(row?.error).toMatch(/export NAME=….*group hai-work.*WHITELIST_ENVS/)
        expect(row?.error.replace(kind!, '')).not.toContain(given.slice(kind!.length) || given)
      }
    },
  )

  it.each(['sk-ant-1234', '$2b$secret', '$ANTHROPIC', '$env:lower', '7788', ['zz']])(
    'shows nothing of a key %j that is pasted',
    async (api_key) => {
      await load({}, { backends: { claude: { ...claude, api_key } } })
      const { error } = (await stored()) as { error: string }
      expect(error).toContain(
        'backends.claude.api_key holds a value of its own, not shown here; expected $env:NAME',
      )
      expect(error).not.toContain(String(api_key))
    },
  )

  it('goes on with the last good one when it becomes bad, records why, and forgets that when it is good again', async () => {
    await load({}, { liveness_seconds: 60 })
    expect(await load({}, { liveness_seconds: -1 })).toMatchObject({ liveness_seconds: 60 })
    expect(await stored()).toMatchObject({
      value: { liveness_seconds: 60 },
      error: expect.stringMatching(
        /^models configuration \(.*\): liveness_seconds: -1 .*more than 0; what was good before is in force$/,
      ),
    })
    expect(await load({}, { liveness_seconds: 30 })).toMatchObject({ liveness_seconds: 30 })
    expect(await stored()).toMatchObject({ value: { liveness_seconds: 30 }, error: null })
  })

  it('is bad in the same way when it cannot be read as a file', async () => {
    await load({}, { liveness_seconds: 60 })
    const read = async (path: string) => {
      if (path.startsWith('u/')) throw new HaiError('invalid', 'models.yaml: line 3: a tab')
      return {}
    }
    expect(await loadConfig(db.sql, 'models', Models, read)).toMatchObject({ liveness_seconds: 60 })
    expect((await stored())?.error).toMatch(
      /^models configuration \(.*\): models.yaml: line 3: a tab; what was good before is in force$/,
    )
  })

  it('is no worse for a Windmill that is away: that is told, and nothing is recorded', async () => {
    await load({}, { liveness_seconds: 60 })
    const read = () => Promise.reject(new HaiError('unavailable', 'Windmill can’t be reached'))
    await expect(loadConfig(db.sql, 'models', Models, read)).rejects.toMatchObject({ code: 'unavailable' })
    expect((await stored())?.error).toBeNull()
  })

  it('is recorded too when it was never good, with the defaults in force', async () => {
    expect(await load({ liveness_seconds: 60 }, 'a text')).toMatchObject({ liveness_seconds: 60 })
    expect(await stored()).toMatchObject({
      value: { liveness_seconds: 60 },
      error: expect.stringMatching(
        /^models configuration \(.*\): it holds "a text"; expected names.*; hai's defaults are in force$/,
      ),
    })
    // the second reading says the same, as nothing has become good meanwhile
    await load({ liveness_seconds: 60 }, 'a text')
    expect((await stored())?.error).toMatch(/hai's defaults are in force$/)
  })

  it('is good no more by the rules of a newer release: the defaults stand in', async () => {
    await load({}, { liveness_seconds: 60 })
    await db.sql`update hai.config set value = '{"gone": 1}'`
    expect(await load({}, { liveness_seconds: -1 })).toMatchObject({ liveness_seconds: 120 })
    expect((await stored())?.error).toMatch(/hai's defaults are in force$/)
  })

  it('whose defaults are bad is refused, as then nothing is good', async () => {
    await expect(load({ liveness_seconds: -1 })).rejects.toThrow(/liveness_seconds: -1 /)
    expect(await stored()).toBeUndefined()
  })

  it('is refused when it holds a key itself, which is shown neither in the error nor in the table', async () => {
    await load({})
    const own = { backends: { claude: { ...claude, api_key: 'sk-very-secret' } } }
    await load({}, own)
    const error = (await stored())?.error as string
    expect(error).toMatch(/backends\.claude\.api_key holds a value of its own.*\$env:NAME/)
    expect(error + JSON.stringify(await stored())).not.toContain('sk-very')
  })

  it.each([
    ['a number', { api_key: 918273645 }],
    ['a list', { api_key: ['sk-918273645'] }],
    ['the value of a field that there is none of', { key: 'sk-918273645' }],
  ])('is refused when it holds a key as %s, without showing it', async (_, field) => {
    await load({}, { backends: { claude: { ...claude, ...field } } })
    const error = String((await stored())?.error)
    expect(error).toContain('holds a value of its own, not shown here')
    expect(error).not.toContain('918273645')
  })

  it.each([
    [
      'a name with nothing behind it',
      { backends: {}, livenes_seconds: null },
      /livenes_seconds has no value.*did you mean liveness_seconds\?/,
    ],
    [
      'a default that there is none of',
      { backends: { clade: null } },
      /backends\.clade has no value.*did you mean claude\?/,
    ],
    ['a name that every object has', JSON.parse('{"__proto__": {"a": 1}}'), /unknown field "__proto__"/],
    ['a NUL', { default: 'ollama/a\0b' }, /default holds a character that no database takes/],
    ['half of a pair', { default: 'ollama/a\ud83d' }, /default holds a character/],
    ['a number without end', { liveness_seconds: Number.POSITIVE_INFINITY }, /liveness_seconds: Infinity /],
    ['a list', ['ollama'], /it holds a list; expected names/],
    ['a word', false, /it holds false; expected names/],
  ])('is refused by name when it holds %s, never passed over in silence', async (_, own, message) => {
    await load({ backends: { claude } }, own)
    expect((await stored())?.error).toMatch(message)
  })

  it('takes a name with nothing behind it as not given, or as a default taken away', async () => {
    const loaded = await load({ backends: { claude } }, { default: null, backends: { claude: null } })
    expect(loaded).toMatchObject({ backends: {} })
    expect((await stored())?.error).toBeNull()
  })
})

describe('the models configuration', () => {
  it.each([
    ['an unknown key', { backend: {} }, /unknown field backend; did you mean backends\?/],
    [
      'an unknown key deep inside',
      { backends: { claude: { ...claude, modles: {} } } },
      /unknown field backends\.claude\.modles; did you mean models\?/,
    ],
    [
      'a default without a model',
      { default: 'claude' },
      /default: "claude" .*expected backend\/model, such as ollama\/llama3\.1:8b/,
    ],
    ['a limit that is no number', { liveness_seconds: '2m' }, /liveness_seconds: "2m" .*expected number/],
    [
      'a backend’s name with a space',
      { backends: { 'my server': claude } },
      /backends.*letters, digits, - or _/,
    ],
    [
      'an unknown kind',
      { backends: { x: { ...claude, kind: 'gemini' } } },
      /backends\.x\.kind: "gemini" .*one of openai-comp/,
    ],
    [
      'an unknown billing',
      { backends: { x: { ...claude, billing: 'free' } } },
      /backends\.x\.billing: "free" .*one of local/,
    ],
    [
      'an address that is not http',
      { backends: { x: { ...claude, url: 'ftp://nas' } } },
      /backends\.x\.url: "ftp:\/\/nas" .*http or https/,
    ],
    [
      'a server without an address',
      { backends: { x: { ...claude, kind: 'openai-compatible' } } },
      /backends\.x\.url is missing: expected/,
    ],
    [
      'a reference of no known form',
      { backends: { x: { ...claude, api_key: '$ANTHROPIC' } } },
      /backends\.x\.api_key holds a value of its own, not shown here; expected \$env:NAME/,
    ],
    [
      'a price below nothing',
      { backends: { x: { ...claude, models: { m: { input: -3 } } } } },
      /backends\.x\.models\.m\.input: -3 .*at least 0/,
    ],
    [
      'a window that is no number',
      { backends: { x: { ...claude, models: { m: { context: '8k' } } } } },
      /models\.m\.context: "8k" .*expected/,
    ],
  ])('refuses %s: field, value and what was expected', async (_, own, message) => {
    await load({}, own)
    expect((await stored())?.error).toMatch(message)
  })
})
