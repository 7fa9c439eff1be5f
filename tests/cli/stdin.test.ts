import type { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { pipedText, readStdin, wordsOf } from '../../cli/stdin.ts'
import { aHomeFolder, FakeIo } from './run-hai.ts'

const { env, remove } = aHomeFolder()
remove()

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
})

afterEach(() => {
  vi.useRealTimers()
})

const type = (io: FakeIo) => io.stdin as PassThrough

describe('what is piped in', () => {
  it('is waited for as long as its writer lives, which is said once', async () => {
    const io = new FakeIo({ env, stdinKind: 'pipe' })
    const reading = pipedText(io)
    await vi.advanceTimersByTimeAsync(2000)
    expect(io.stderr.text).toBe('')
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(io.stderr.text).toBe('waiting for the end of stdin; to go without it: -n\n')
    type(io).end('late')
    expect(await reading).toBe('late')
  })

  it('is shown waiting on a terminal, second by second, and the line goes when it has come', async () => {
    const io = new FakeIo({ env, stdinKind: 'pipe' })
    io.stderr.isTTY = true
    const reading = pipedText(io)
    await vi.advanceTimersByTimeAsync(2000)
    expect(io.stderr.text).toContain('waiting for the end of stdin, 2 s; to go without it: Ctrl-C, and -n')
    type(io).write('x'.repeat(3000))
    await vi.advanceTimersByTimeAsync(1000)
    expect(io.stderr.text).toContain('3 s, 3 KiB so far')
    type(io).end()
    expect(await reading).toHaveLength(3000)
    expect(io.stderr.text.endsWith('\r\x1b[K')).toBe(true)
  })

  it('is nothing that is said where it comes at once', async () => {
    const io = new FakeIo({ env, stdin: 'soon', stdinKind: 'pipe' })
    expect(await pipedText(io)).toBe('soon')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(io.stderr.text).toBe('')
  })

  it('is refused where a socket stays silent, as nothing may ever come from there', async () => {
    const io = new FakeIo({ env, stdinKind: 'socket' })
    const reading = pipedText(io).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(31_000)
    expect(await reading).toMatchObject({
      exit: 2,
      message: 'stdin is open, and nothing came from it for 30 s; nothing was sent',
      next: '-n leaves it alone; with -f - it is waited for',
    })
  })

  it('may take its time from a socket that has begun, or that was asked for', async () => {
    const begun = new FakeIo({ env, stdinKind: 'socket' })
    const reading = pipedText(begun)
    type(begun).write('one ')
    await vi.advanceTimersByTimeAsync(60_000)
    type(begun).end('two')
    expect(await reading).toBe('one two')
    const asked = new FakeIo({ env, stdinKind: 'socket' })
    const waiting = readStdin(asked)
    await vi.advanceTimersByTimeAsync(60_000)
    type(asked).end('three')
    expect(await waiting).toBe('three')
    expect(asked.stderr.text).toBe('waiting for the end of stdin\n')
  })

  it.each(['none', 'terminal'] as const)('is nothing where stdin is %s', async (stdinKind) => {
    expect(await pipedText(new FakeIo({ env, stdinKind }))).toBeUndefined()
  })
})

describe('the text of a command', () => {
  it.each([
    [['-'], 'a\nb\n'],
    [['-', 'b'], '- b'],
    [['a', '-'], 'a -'],
  ])('from %j is %j', async (words, text) => {
    expect(await wordsOf(new FakeIo({ env, stdin: 'a\nb\n' }), words)).toBe(text)
  })

  it('says how to end what is typed', async () => {
    const io = new FakeIo({ env, attended: true })
    type(io).end('typed')
    expect(await wordsOf(io, ['-'])).toBe('typed')
    expect(io.stderr.text).toBe('reading stdin; Ctrl-D ends it\n')
  })

  it('is not - where stdin is to be left alone', async () => {
    await expect(wordsOf(new FakeIo({ env, stdin: 'x' }), ['-'], false)).rejects.toMatchObject({ exit: 2 })
  })
})
