/**
 * How many times the processor time of a text of `length` one four times as long takes: 4 when it grows with the length,
 * 16 when with its square. The best of some of each, as the machine may have other work.
 */
export function growth(work: (length: number) => unknown, length: number): number {
  return cpuOf(() => work(4 * length)) / cpuOf(() => work(length))
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
