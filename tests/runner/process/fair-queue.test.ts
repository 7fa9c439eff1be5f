import { expect, it } from 'vitest'
import { FairQueue, type Turn } from '../../../runner/process/fair-queue.ts'

interface Job extends Turn {
  name: string
}

const job = (name: string, user: string, more: Partial<Turn> = {}): Job => ({
  name,
  user,
  admin: false,
  shared: false,
  ...more,
})
const several = (count: number, user: string, more?: Partial<Turn>) =>
  Array.from({ length: count }, (_, n) => job(`${user}${n + 1}`, user, more))

/** Begins all that may, in the order of their turns. */
function begun(queue: FairQueue<Job>): Job[] {
  const all: Job[] = []
  for (let next = queue.next(); next; next = queue.next()) {
    queue.begin(next)
    all.push(next)
  }
  return all
}
const names = (jobs: Job[]) => jobs.map(({ name }) => name).join(' ')

function queueOf(places: number, jobs: Job[], reserved = 2): FairQueue<Job> {
  const queue = new FairQueue<Job>(places, reserved)
  for (const one of jobs) queue.add(one)
  return queue
}

it('takes ordinary jobs in the order in which they came', () => {
  const jobs = [job('a', 'ann'), job('b', 'sam'), job('c', 'operator', { admin: true }), job('d', 'ann')]
  expect(names(begun(queueOf(8, jobs)))).toBe('a b c d')
})

it('lets one user have half of the places, and nobody behind him waits for it', () => {
  const many = several(9, 'sam')
  const queue = queueOf(8, [...many, job('ann1', 'ann')])
  expect(names(begun(queue))).toBe('sam1 sam2 sam3 sam4 ann1')
  queue.end(many[1]!)
  expect(names(begun(queue))).toBe('sam5')
  expect(queue.length).toBe(4)
})

it('takes what everybody waits for first, and keeps places for it', () => {
  const sweep = job('sweep', 'operator', { admin: true, shared: true })
  const queue = queueOf(8, [...several(9, 'operator', { admin: true }), sweep])
  expect(names(begun(queue))).toBe('sweep operator1 operator2 operator3 operator4 operator5 operator6')
  const wakeUp = job('wake-up', 'sam', { shared: true })
  queue.add(wakeUp)
  expect(names(begun(queue))).toBe('wake-up')
})

it('lets wake-ups past the half of who rang them, and leaves a quarter to the others', () => {
  const waits = several(9, 'sam')
  const rung = several(9, 'sam', { shared: true }).map((one, n) => ({ ...one, name: `rung${n + 1}` }))
  expect(names(begun(queueOf(8, [...waits, ...rung])))).toBe('rung1 rung2 rung3 rung4 rung5 rung6')
  const queue = queueOf(8, waits)
  begun(queue)
  for (const one of rung) queue.add(one)
  expect(names(begun(queue))).toBe('rung1 rung2')
  queue.add(job('ann1', 'ann'))
  queue.add(job('rung', 'ann', { shared: true }))
  expect(names(begun(queue))).toBe('rung ann1')
})

it('runs everything, however few the places are', () => {
  for (const places of [1, 2, 3]) {
    const jobs = [
      ...several(2, 'sam'),
      ...several(2, 'sam', { shared: true }),
      ...several(2, 'operator', { admin: true }),
    ]
    const queue = queueOf(places, jobs)
    for (let left = jobs.length; left > 0; left -= 1) {
      const next = queue.next()!
      queue.begin(next)
      queue.end(next)
    }
    expect([queue.length, queue.next()]).toEqual([0, undefined])
  }
})

it('gives back the turn of one of which nothing came, and forgets who is withdrawn', () => {
  const [one, two, three] = several(3, 'sam') as [Job, Job, Job]
  const queue = queueOf(2, [one, two, three], 0)
  expect(names(begun(queue))).toBe('sam1')
  queue.putBack(one)
  expect([queue.remove(two), queue.remove(two)]).toEqual([true, false])
  expect(queue.next()).toBe(one)
  expect(names(queue.clear())).toBe('sam1 sam3')
  expect(queue.next()).toBeUndefined()
})
