import { existsSync, readFileSync } from 'node:fs'
import type { BenchStack } from './stack.ts'

/** CPU that every process of the stack has used so far, in seconds; Linux only, from /proc. */
export function cpuSeconds(stack: BenchStack): number {
  return pids(stack).reduce((sum, pid) => sum + cpuOf(pid), 0)
}

/** CPU that one process has used so far, in seconds; 0 when it is gone. */
export function cpuOf(pid: number): number {
  const file = `/proc/${pid}/stat`
  if (!existsSync(file)) return 0
  const stat = readFileSync(file, 'utf8')
  const fields = stat.split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Memory of every process of the stack, shared pages counted once. */
export function memoryMegabytes(stack: BenchStack): number {
  const sizes = pids(stack).map(
    (pid) => Number(/^Pss:\s+(\d+)/m.exec(proc(pid, 'smaps_rollup'))?.[1] ?? 0) / 1024,
  )
  return sizes.reduce((sum, one) => sum + one, 0)
}

/** The runner, its workers, the postmaster, and PostgreSQL's own children. */
function pids(stack: BenchStack): number[] {
  const { pids } = JSON.parse(
    readFileSync(`${stack.instance.data_dir}/runner.json`, 'utf8'),
  ) as typeof stack.instance
  const postmaster = pids.postgres ?? 0
  const children = proc(postmaster, `task/${postmaster}/children`)
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number)
  return [pids.runner, ...pids.workers, postmaster, ...children]
}

const proc = (pid: number, file: string): string => readFileSync(`/proc/${pid}/${file}`, 'utf8')
