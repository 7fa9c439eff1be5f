import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { endLeft } from './support/left-processes.mjs'

const made: { folders: string[]; children: ChildProcess[] } = { folders: [], children: [] }
afterEach(() => {
  for (const { pid } of made.children.splice(0)) endGroup(pid!)
  for (const folder of made.folders.splice(0)) rmSync(folder, { recursive: true })
})

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // it was ended, as it should
  }
}

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hai-left-'))
  made.folders.push(folder)
  return folder
}

interface Given {
  words?: string[]
  env?: Record<string, string>
  output?: number
}

/** A process that outlives whoever started it, unless it is ended. */
async function aSleeper({ words = ['-c', 'sleep 600; :'], env = {}, output }: Given): Promise<ChildProcess> {
  const log = output ?? 'ignore'
  const child = spawn('sh', words, {
    env: { PATH: process.env.PATH, ...env },
    detached: true,
    stdio: ['ignore', log, log],
  })
  made.children.push(child)
  await new Promise((resolve) => child.once('spawn', resolve))
  return child
}

it.skipIf(process.platform !== 'linux')('what a run left is named and ended, and nothing else', async () => {
  const [run, other] = [aFolder(), aFolder()]
  const bystander = await aSleeper({ env: { TMPDIR: other } })
  await aSleeper({ env: { TMPDIR: run } })
  await aSleeper({ words: ['-c', 'sleep 600; :', `--data-dir=${run}/data`] })
  await aSleeper({ output: openSync(join(run, 'log'), 'a') })
  const left = await endLeft(run, 0)
  // the shells and what they run
  expect(left.filter((command) => / sh -c sleep 600/.test(command))).toHaveLength(3)
  expect(await endLeft(run, 0)).toEqual([])
  expect(bystander.exitCode ?? bystander.signalCode).toBeNull()
})
