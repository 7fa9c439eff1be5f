import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
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
  return linuxPids().flatMap((pid) => {
    const command = linuxCommand(pid)
    return command === undefined ? [] : [{ pid, command }]
  })
}

/**
 * Live processes that were started with a variable whose value begins so, as far as we may see it: those of this user, or
 * all for root. Those of containers, which may have our paths and pids in worlds of their own, are none of them.
 */
export function withVariable(name: string, prefix: string): { pid: number; value: string }[] {
  if (process.platform !== 'linux') {
    // there it is shown behind the command line
    return listWithPs(['-axE']).flatMap(({ pid, command }) => {
      const found = command.split(' ').find((word) => word.startsWith(`${name}=${prefix}`))
      return found ? [{ pid, value: found.slice(name.length + 1) }] : []
    })
  }
  const world = readlinkSync('/proc/self/ns/pid')
  return linuxPids().flatMap((pid) => {
    const environment = ofLinux(() => readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0'))
    const found = environment?.find((variable) => variable.startsWith(`${name}=${prefix}`))
    if (!found || ofLinux(() => readlinkSync(`/proc/${pid}/ns/pid`)) !== world) return []
    return [{ pid, value: found.slice(name.length + 1) }]
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
  const command = ofLinux(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim())
  return command || undefined
}

function linuxPids(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger)
}

/** What /proc says of a process; undefined when it is gone, or closed to us. */
function ofLinux<T>(look: () => T): T | undefined {
  try {
    return look()
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
