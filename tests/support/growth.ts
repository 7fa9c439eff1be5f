/** As often as this it is measured again, when what the runtime does beside the work has made it look like more. */
const TRIES = 5
const SURELY_LINEAR = 5

/**
 * How many times the processor time of a text of `length` one four times as long takes: 4 when it grows with the length,
 * 16 when with its square. The best of some of each, as the machine may have other work.
 */
export function growth(work: (length: number) => unknown, length: number): number {
  let least = Number.POSITIVE_INFINITY
  // too few runs of the longer one can only make the growth look larger
  for (let tried = 0; tried < TRIES && least > SURELY_LINEAR; tried += 1)
    least = Math.min(least, cpuOf(() => work(4 * length), tried === 0 ? 1 : 5) / cpuOf(() => work(length)))
  return least
}

/** User time of the processor in milliseconds, the best of some. */
export function cpuOf(work: () => unknown, times = 5): number {
  const runs = Array.from({ length: times }, () => {
    const began = process.cpuUsage()
    work()
    return process.cpuUsage(began).user / 1000
  })
  return Math.min(...runs)
}

/** What `work` takes on a machine on which limits in milliseconds were set. */
const STANDARD_MS = 20

/** How many times slower than that machine this one is, at least 1: for limits of processor time. */
export function slowness(): number {
  const text = 'the quick brown fox, '.repeat(3000)
  const work = () => {
    for (let round = 0; round < 20; round += 1)
      text
        .replace(/(\w+) (\w+)/g, '$2 $1')
        .split(' ')
        .join('-')
  }
  return Math.max(1, cpuOf(work) / STANDARD_MS)
}
