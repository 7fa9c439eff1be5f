import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const PAGE = 4096
const DEFAULT_MB = 2_048

/** What one job may have in memory, in MB; `HAI_JOB_MEMORY_MB` sets another number. */
export function memoryLimit(env: NodeJS.ProcessEnv): number {
  const text = env.HAI_JOB_MEMORY_MB
  if (!text) return DEFAULT_MB
  const value = Number(text)
  if (Number.isInteger(value) && value >= 64) return value
  throw new Error(`HAI_JOB_MEMORY_MB is "${text}"; expected a whole number of megabytes, 64 or more`)
}

/** What a process has in memory, in MB; 0 when it is gone. */
export function residentMegabytes(pid: number): number {
  if (process.platform === 'linux') return linuxPages(pid) * (PAGE / 1024 / 1024)
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })
  return Number(stdout.trim()) / 1024
}

function linuxPages(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return 0
    throw error
  }
}
