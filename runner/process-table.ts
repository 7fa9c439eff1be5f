import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

export interface Process {
  pid: number
  command: string
}

/** The command line of a live process, its words joined by spaces; undefined when there is none or it is a zombie. */
export function commandOf(pid: number): string | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  if (process.platform === 'linux') return linuxCommand(pid)
  return listWithPs(['-p', String(pid)])[0]?.command
}

/** All live processes with a command line. Other users' processes may be missing. */
export function processes(): Process[] {
  if (process.platform !== 'linux') return listWithPs(['-ax'])
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  return pids.flatMap((pid) => {
    const command = linuxCommand(pid)
    return command === undefined ? [] : [{ pid, command }]
  })
}

/** Sends the signal; false when the process was already gone. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

function linuxCommand(pid: number): string | undefined {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
    return command === '' ? undefined : command
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined
    throw error
  }
}

function listWithPs(selection: string[]): Process[] {
  // Loaded here, as the CLI reads this module at every start and Linux never needs it.
  const { spawnSync } = createRequire(import.meta.url)(
    'node:child_process',
  ) as typeof import('node:child_process')
  const ps = spawnSync('ps', [...selection, '-ww', '-o', 'pid=,stat=,command='], { encoding: 'utf8' })
  if (ps.error) throw ps.error
  return ps.stdout.split('\n').flatMap((line) => {
    const [, pid, stat, command] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    return pid === undefined || command === undefined || stat?.startsWith('Z')
      ? []
      : [{ pid: Number(pid), command }]
  })
}
