import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as later } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { alone, writePrivate } from '../../cli/files.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hai-lock-'))
  file = join(folder, 'count')
  writeFileSync(file, '0')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function countUp(): Promise<void> {
  const count = Number(readFileSync(file, 'utf8'))
  await later()
  writeFileSync(file, String(count + 1))
}

it('lets one at a time change a file, and leaves nothing behind', async () => {
  await Promise.all(Array.from({ length: 20 }, () => alone(file, countUp)))
  expect(readFileSync(file, 'utf8')).toBe('20')
  expect(readdirSync(folder)).toEqual(['count'])
})

it('goes past one that was killed, and past a lock without a holder', async () => {
  const { pid } = spawnSync('true')
  for (const left of [String(pid), '', 'nobody', '-1', '0']) {
    writeFileSync(`${file}.lock`, left)
    await Promise.all(Array.from({ length: 5 }, () => alone(file, countUp)))
  }
  expect(readFileSync(file, 'utf8')).toBe('25')
  expect(readdirSync(folder)).toEqual(['count'])
})

it('gives the file back after a failure, whose error it is', async () => {
  await expect(alone(file, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  await alone(file, countUp)
  expect(readFileSync(file, 'utf8')).toBe('1')
})

it('says that a folder cannot be written', async () => {
  await expect(alone(join(file, 'below'), countUp)).rejects.toThrow(`cannot write ${join(file, 'below')}: `)
})

it('says in one sentence why a file cannot be written, and leaves nothing of it', () => {
  const below = join(file, 'config.yaml')
  expect(() => writePrivate(below, 'x')).toThrow(`cannot write ${below}: what should be its folder is a file`)
  expect(() => writePrivate(folder, 'x')).toThrow(`cannot write ${folder}: it is a folder`)
  expect(readdirSync(folder)).toEqual(['count'])
})
