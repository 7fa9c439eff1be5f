import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { projectRoot } from '../../runner/root.ts'
import { openTerminal, type Terminal } from '../support/terminal.ts'
import { anEvening, type Evening } from './world.ts'

let evening: Evening
beforeAll(async () => {
  evening = await anEvening()
})

const HAI = [process.execPath, join(projectRoot(), 'cli', 'bin.cjs')]
/** One command line, in a terminal of 80 by 24. */
const at = (...argv: string[]): Terminal => openTerminal([...HAI, ...argv], { env: evening.stack.env })

it('a chat takes what is typed, and ends', async () => {
  const chat = at('chat')
  await chat.shows(/^› *$/m)
  chat.type('what is open?\r')
  await chat.shows('nothing is open')
  chat.type('\x04')
  expect(await chat.ended).toBe(0)
})

it('a chat sends nothing of what is pasted before Enter', async () => {
  const chat = at('chat')
  await chat.shows(/^› *$/m)
  chat.paste('add todo: descale\nthe kettle\n')
  await chat.shows('› add todo: descale⏎the kettle⏎')
  chat.type('\x03')
  await chat.shows(/^› *$/m)
  chat.type('what is open?\r')
  await chat.shows('nothing is open')
  chat.type('\x1b[A')
  await chat.shows(/nothing is open\n› what is open\?/)
  chat.type('\x03\x04')
  expect(await chat.ended).toBe(0)
})
