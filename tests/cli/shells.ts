import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const script = join(import.meta.dirname, '..', '..', 'cli', 'hai.sh')
const APPLETS = ['awk', 'cat', 'date', 'dd', 'find', 'head', 'od', 'sed', 'sh', 'sleep', 'tr']

export interface Shell {
  name: string
  command: string[]
  /** Where it finds its tools. */
  path: string
}

/** The program of that name on this machine's PATH; undefined when there is none. */
export function programOf(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file))
}

/** The shells of this machine, each with the tools that usually come with it; busybox brings its own awk, sed and find. */
export function shellsOf(folder: string): Shell[] {
  const shells = ['dash', 'bash'].flatMap((name): Shell[] => {
    const program = programOf(name)
    return program ? [{ name, command: [program], path: toolsIn(join(folder, name), programOf) }] : []
  })
  const busybox = programOf('busybox')
  if (busybox) {
    const path = toolsIn(join(folder, 'busybox'), () => busybox)
    shells.push({ name: 'busybox', command: [busybox, 'sh'], path })
  }
  return shells
}

/** A folder with just these tools and curl; what is no applet, such as jq, a test adds. */
function toolsIn(folder: string, find: (name: string) => string | undefined): string {
  mkdirSync(folder)
  for (const name of APPLETS) symlinkSync(find(name)!, join(folder, name))
  symlinkSync(programOf('curl')!, join(folder, 'curl'))
  return folder
}

export interface Running {
  interrupt: () => void
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>
}

/**
 * Runs hai.sh in a shell, with nothing in its environment but what is given. `input` comes through a socket; null is one
 * that stays open, and silent.
 */
export function run(
  shell: Shell,
  env: Record<string, string>,
  args: string[],
  input?: string | null,
): Running {
  return start(shell, env, [script, ...args], input)
}

/** Runs a line of a shell in which `"$@"` is hai.sh. */
export function runLine(shell: Shell, env: Record<string, string>, line: string): Running {
  return start(shell, env, ['-c', line, 'sh', ...shell.command, script])
}

function start(shell: Shell, env: Record<string, string>, args: string[], input?: string | null): Running {
  const [program, ...first] = shell.command
  const child = spawn(program!, [...first, ...args], {
    env: { PATH: shell.path, ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  const ended = new Promise<Awaited<Running['ended']>>((resolve, reject) => {
    let [stdout, stderr] = ['', '']
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
  if (input !== null) child.stdin?.end(input)
  return { interrupt: () => child.kill('SIGINT'), ended }
}

/** What shellcheck finds wrong with hai.sh; empty when it finds nothing. */
export function shellcheck(program: string): string {
  try {
    return execFileSync(program, ['--color=never', script], { encoding: 'utf8' })
  } catch (error) {
    return (error as { stdout: string }).stdout
  }
}
