import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Pace } from '../../../cli/call/pace.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const never = new AbortController().signal

/** How long each of so many pauses takes, in milliseconds. */
async function pauses(pace: Pace, count: number, meanwhile: (nth: number) => void = () => {}) {
  const took: number[] = []
  for (let nth = 0; nth < count; nth += 1) {
    const began = Date.now()
    let over = false
    const paused = pace.pause(never).then(() => {
      over = true
    })
    meanwhile(nth)
    while (!over) await vi.advanceTimersToNextTimerAsync()
    await paused
    took.push(Date.now() - began)
  }
  return took
}

it('looks at a remote server soon when something was begun just now, and then as seldom as ever', async () => {
  const seconds = [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]
  expect(await pauses(new Pace(false, true), 9)).toEqual([150, 300, 600, ...seconds])
  expect(await pauses(new Pace(false, false), 6)).toEqual(seconds)
})

it('looks no more often than once a second at what goes on remotely, whatever happens', async () => {
  const pace = new Pace(false, true)
  const reset = () => pace.reset()
  expect(await pauses(pace, 6, reset)).toEqual([150, 300, 600, 1_000, 1_000, 1_000])
})

it('hardly looks while a remote stream tells of text, and soon once it has paused', async () => {
  const pace = new Pace(false, false)
  const text = setInterval(() => pace.stir(), 500)
  for (const took of await pauses(pace, 3)) expect(took).toBeGreaterThanOrEqual(10_000)
  clearInterval(text)
  expect((await pauses(pace, 1))[0]).toBeLessThanOrEqual(2_000)
})

it('ends a pause at once when it is woken', async () => {
  const pace = new Pace(false, false)
  expect(await pauses(pace, 1, () => pace.wake())).toEqual([0])
  pace.wake()
  expect(await pauses(pace, 2)).toEqual([0, 2_000])
})

it('looks at the local stack as seldom as ever while another way tells what comes next, and soon again after that', async () => {
  const pace = new Pace(true, true)
  pace.calm(true)
  expect(await pauses(pace, 3, () => pace.reset())).toEqual([100, 100, 100])
  pace.calm(false)
  expect(await pauses(pace, 2)).toEqual([8, 12])
})
