import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readSettings } from '../../runner/settings.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'hai-settings-'))
  mkdirSync(join(home, 'hai'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const read = (text: string) => {
  writeFileSync(join(home, 'hai', 'budget.yaml'), text)
  return readSettings('budget', { XDG_CONFIG_HOME: home })
}

describe('the operator’s own file', () => {
  it.each(['1e999', '-1e999', '.inf', '-.Inf', '.nan', '.NaN'])(
    'is refused where a number is %s',
    (number) => {
      expect(() => read(`caps: {day: {usd: ${number}}}\n`)).toThrow(
        /caps\.day\.usd: (-?Infinity|NaN) is not accepted; expected .* a finite number/,
      )
      expect(() => read(`list:\n  - 1\n  - ${number}\n`)).toThrow(/list\.1: /)
      expect(() => read(`${number}\n`)).toThrow(/is not accepted/)
    },
  )

  it('is read as it is otherwise', () => {
    expect(read('caps: {day: {usd: 5e2}}\n')).toEqual({ caps: { day: { usd: 500 } } })
    expect(read('')).toBeUndefined()
  })
})
