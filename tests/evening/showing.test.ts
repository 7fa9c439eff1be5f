import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PROGRAM, spawnHai } from '../cli/run-hai.ts'
import { type ByteServer, byteServer } from './bytes.ts'
import { DONE, end, finish, text, usage } from './openai-bytes.ts'
import { anEvening, type Evening } from './world.ts'

let server: ByteServer
let evening: Evening
beforeAll(async () => {
  server = await byteServer()
  evening = await anEvening()
  evening.settings(
    'models.yaml',
    `liveness_seconds: 8
backends:
  box: { kind: openai-compatible, url: '${server.url}/v1', billing: metered, models: { m: { input: 1, output: 2 } } }
`,
  )
})
afterAll(() => server?.stop())

const words = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => text(` word${from + n}`)).join('')

describe('quiet', () => {
  it('hides steps and streams: the first word comes long before the last', async () => {
    // the rest is held back until the first has been seen
    server.at('KSLOW', { body: words(0, 5), end: 'hang' })
    const { child, ran, ended } = spawnHai(['ask', '-q', 'please explain KSLOW'], { env: evening.stack.env })
    await expect.poll(() => ran.stdout).toContain('word')
    expect(ran.stderr).toBe('')
    child.kill('SIGINT')
    await ended
    await evening.run('task', 'cancel', '@')
  })

  it('hides no notice', async () => {
    server.at('KCUT', { body: words(0, 5) + finish('length') + usage() + DONE })
    const { code, stderr } = await evening.run('ask', '-q', 'please explain KCUT')
    expect(code).toBe(0)
    expect(stderr).toMatch(/longest|limit|stops|cut/i)
    expect(stderr).not.toMatch(/accepted|started by/)
  })
})

describe('a note that comes while an answer is written', () => {
  it('stands on a line of its own', async () => {
    server.at('KGLUE', { body: words(0, 5), end: 'cut' }, { body: text('whole') + end() })
    const file = join(evening.stack.env.HOME!, 'both')
    const both = openSync(file, 'w')
    const child = spawn(process.execPath, [PROGRAM, 'ask', 'please explain KGLUE'], {
      env: evening.stack.env,
      stdio: ['ignore', both, both],
    })
    await expect.poll(() => readFileSync(file, 'utf8')).toMatch(/attempt 1 failed|broke off/)
    child.kill('SIGINT')
    await once(child, 'close')
    const shown = readFileSync(file, 'utf8')
    expect(shown).toMatch(/word4\n/)
    expect(shown).not.toMatch(/word\d[^ \n]/)
    await evening.run('task', 'cancel', '@')
  })
})

describe('Ctrl-C while an answer is written', () => {
  it('says how to go on with it, and how to end it', async () => {
    server.at('KLONG', { body: words(0, 5), end: 'hang' })
    const { child, ran, ended } = spawnHai(['ask', 'please explain KLONG'], { env: evening.stack.env })
    await expect.poll(() => ran.stdout).toContain('word')
    child.kill('SIGINT')
    expect((await ended).exit).toBe(130)
    expect(ran.stderr).toMatch(/hai task tail/)
    expect(ran.stderr).toMatch(/hai task cancel/)
    await evening.run('task', 'cancel', '@')
  })
})

describe('what had come of an answer that failed', () => {
  it('is shown with the dead task, and said to be not whole', async () => {
    server.at('KDEAD', { body: words(0, 30), end: 'cut' })
    const [id] = await evening.putDown({
      content: 'please explain KDEAD',
      retry_policy: { max_attempts: 1, backoff_seconds: 1 },
    })
    expect(await evening.settled(id!)).toMatchObject({ state: 'dead' })
    const { stdout } = await evening.run('task', 'show', id!)
    expect(stdout).toMatch(/not whole/i)
    expect(stdout).toContain('word0')
    expect(stdout).toContain('word29')
    expect(await evening.json('task', 'result', id!)).toMatchObject({
      partial: expect.stringContaining('word29'),
    })
  })

  it('is shown of the last attempt, not of all together', async () => {
    server.at('KTWICE', { body: words(0, 20), end: 'cut' }, { body: words(50, 70), end: 'cut' })
    const [id] = await evening.putDown({
      content: 'please explain KTWICE',
      retry_policy: { max_attempts: 2, backoff_seconds: 1 },
    })
    expect(await evening.settled(id!)).toMatchObject({ state: 'dead' })
    const { partial } = await evening.json<{ partial: string }>('task', 'result', id!)
    expect(partial).toContain('word69')
    expect(partial.match(/word/g)).toHaveLength(20)
  })
})
