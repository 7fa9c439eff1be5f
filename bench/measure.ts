import { spawnSync } from 'node:child_process'

/** Sorted copy's value at `share` (0 to 1). */
export function quantile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
}

export const median = (values: number[]): number => quantile(values, 0.5)

/** Whole-process milliseconds of two commands run in turn, and the median of their ratios, pair by pair. */
export function paired(a: string[], b: string[], env: NodeJS.ProcessEnv, runs = 21) {
  const pairs = Array.from({ length: runs + 2 }, () => [once(a, env), once(b, env)] as const).slice(2)
  return {
    a: median(pairs.map(([one]) => one)),
    b: median(pairs.map(([, other]) => other)),
    ratio: median(pairs.map(([one, other]) => one / other)),
  }
}

function once([command, ...args]: string[], env: NodeJS.ProcessEnv): number {
  const start = performance.now()
  const { status, stderr } = spawnSync(command!, args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} exited ${status}: ${stderr}`)
  return performance.now() - start
}

/** Milliseconds of each of `count` calls, `concurrency` at a time, and how many were answered per second. */
export async function load(count: number, concurrency: number, call: (n: number) => Promise<void>) {
  const times: number[] = []
  let next = 0
  const begin = performance.now()
  const client = async () => {
    for (let n = next++; n < count; n = next++) {
      const start = performance.now()
      await call(n)
      times.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, client))
  return {
    p50: median(times),
    p95: quantile(times, 0.95),
    perSecond: count / ((performance.now() - begin) / 1000),
  }
}

/** One line of the report: what, the figure, the target, and whether it was met in this run. */
export function report(
  what: string,
  figure: number,
  unit: string,
  target: number,
  better: 'less' | 'more' = 'less',
): void {
  const met = better === 'less' ? figure <= target : figure >= target
  const sign = better === 'less' ? '≤' : '≥'
  const shown = figure >= 100 ? figure.toFixed(0) : figure.toFixed(2)
  console.log(
    `${met ? '✓' : '✗'} ${what.padEnd(62)} ${`${shown}${unit}`.padStart(10)}   ${sign} ${target}${unit}`,
  )
}
