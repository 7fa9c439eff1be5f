import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { rotated } from '../../../runner/instance/log.ts'

const folder = mkdtempSync(join(tmpdir(), 'hai-log-'))
afterAll(() => rmSync(folder, { recursive: true }))

const line = (n: number) => `${String(n).padStart(9, '0')}\n`

it('keeps a log that goes on below its limit, with the newest lines and one older file', () => {
  const file = join(folder, 'runner.log')
  const fd = openSync(file, 'a')
  const log = rotated(file, (text) => writeSync(fd, text), { fd, limit: 1000 })
  for (let n = 0; n < 555; n += 1) {
    log(line(n))
    expect(statSync(file).size).toBeLessThanOrEqual(1000)
  }
  closeSync(fd)
  const kept = readFileSync(`${file}.1`, 'utf8') + readFileSync(file, 'utf8')
  expect(kept).toBe(Array.from({ length: 155 }, (_, n) => line(400 + n)).join(''))
})

it('leaves alone what is written elsewhere than to the log', () => {
  const file = join(folder, 'other.log')
  const other = openSync(join(folder, 'terminal'), 'a')
  const mine = openSync(file, 'a')
  writeSync(mine, 'as it was')
  const log = rotated(file, (text) => writeSync(other, text), { fd: other, limit: 10 })
  for (let n = 0; n < 9; n += 1) log(line(n))
  expect(readFileSync(file, 'utf8')).toBe('as it was')
  expect(statSync(join(folder, 'terminal')).size).toBe(90)
  closeSync(other)
  closeSync(mine)
})
