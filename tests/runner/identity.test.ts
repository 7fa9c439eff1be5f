import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { Accounts } from '../../runner/accounts.ts'
import { Tokens } from '../../runner/identity.ts'

const folder = mkdtempSync(join(tmpdir(), 'hai-tokens-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('a flood of wrong tokens costs one quick digest each, is written down nowhere, and lets the right ones in', () => {
  const file = join(folder, 'accounts.json')
  const accounts = new Accounts(file)
  accounts.addUser({ username: 'kim', email: 'kim@example.com', admin: false })
  const grant = {
    username: 'kim',
    label: undefined,
    scopes: undefined,
    read_only: false,
    expiration: undefined,
  }
  const made = Array.from({ length: 20 }, () => accounts.addToken(grant))
  const tokens = new Tokens('the operator’s, of some length', accounts)
  const kept = readFileSync(file, 'utf8')
  const wrong = Array.from({ length: 20_000 }, (_, at) => `${made[at % made.length]}${at}`)
  const before = process.cpuUsage()
  expect(wrong.filter((token) => tokens.holder(token) !== undefined)).toEqual([])
  const { user, system } = process.cpuUsage(before)
  // 50 µs each: a digest takes some two, what is made for passwords thousands
  expect((user + system) / 1e6).toBeLessThan(1)
  expect(readFileSync(file, 'utf8')).toBe(kept)
  expect(made.map((token) => tokens.holder(token)?.user)).toEqual(made.map(() => 'kim'))
  expect(kept).not.toContain(made[0])
})
