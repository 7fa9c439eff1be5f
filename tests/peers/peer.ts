import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { vi } from 'vitest'

/** An API server of Kubernetes needs 10 s on a quiet machine, and its minutes on one that builds beside it. */
const START_MS = 300_000

/** What the installer put into this variable. */
export function peer(variable: string): string {
  const value = process.env[variable]
  if (!value) throw new Error(`${variable} is not set: run this with npm run test:peers`)
  return value
}

/** A program of others while it runs. */
export interface Running {
  /** All that it has said so far. */
  log(): string
  stop(): Promise<void>
}

/** Starts a program, and waits until it is `ready`; an error with what it said when it ends before. */
export async function start(
  command: string,
  args: string[],
  { env, ready }: { env?: Record<string, string>; ready: () => Promise<boolean> },
): Promise<Running> {
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH!, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (more: string) => {
      text += more
    })
  const failed = once(child, 'error').then(([error]) => Promise.reject(error as Error))
  const running = { log: () => text, stop: () => stop(child) }
  const isUp = vi.waitUntil(async () => child.exitCode !== null || (await ready()), START_MS)
  await Promise.race([isUp, failed])
  if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}:\n${text}`)
  return running
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((closed) => server.close(closed))
  return port
}

/** Whether an address answers with success. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url)
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}
