import { spawn } from 'node:child_process'
import { join } from 'node:path'

const launcher = join(import.meta.dirname, '..', '..', 'cli', 'bin.cjs')

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs the built `hai` as a process of its own, with nothing of this process's environment but what is given. */
export function hai(env: Record<string, string>, args: string[], input?: string): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [launcher, ...args], {
      env,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    const ran: Ran = { code: null, stdout: '', stderr: '' }
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      ran.stdout += text
    })
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      ran.stderr += text
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ ...ran, code }))
    child.stdin?.end(input)
  })
}
