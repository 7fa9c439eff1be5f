import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectRoot } from '../../runner/root.ts'
import { hai } from '../support/hai.ts'
import { startStack, type TestStack } from '../support/stack.ts'

let stack: TestStack
let own: string
let folder: string
beforeAll(async () => {
  // below the project, where its packages are found
  folder = await mkdtemp(join(projectRoot(), 'build', 'config-'))
  await cp(join(projectRoot(), 'f'), join(folder, 'f'), { recursive: true })
  stack = await startStack({ bundle: folder, shared: true })
  own = join(stack.env.XDG_CONFIG_HOME!, 'hai')
  await mkdir(own, { recursive: true })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const show = (...args: string[]) => hai(stack.env, ['config', 'show', ...args])

describe('hai config show', () => {
  it('prints what is in force as it would be written, or line by line with the file each value is from', async () => {
    await writeFile(join(own, 'budget.yaml'), 'caps:\n  day:\n    usd: 50\n')
    expect((await show('budget')).stdout).toMatch(
      /^budget:\n {2}caps:\n[\s\S]*day:\n {6}per: all\n {6}period: day\n {6}usd: 50\n/,
    )
    const { stdout } = await show('--origin')
    expect(stdout).toMatch(/^budget\.caps\.day\.usd +50 +~\/config\/hai\/budget\.yaml$/m)
    expect(stdout).toMatch(/^budget\.caps\.task\.usd +5 +f\/hai\/budget$/m)
    expect(stdout).toMatch(/^members\.operator\.role +"operator" +f\/hai\/members$/m)
  })

  it('keeps the operator’s cap and model over new defaults of the bundle', async () => {
    await writeFile(join(own, 'models.yaml'), 'default: ollama/qwen3:8b\n')
    const shipped = join(folder, 'f', 'hai', 'budget.resource.yaml')
    await writeFile(
      shipped,
      (await readFile(shipped, 'utf8')).replace('usd: 30', 'usd: 20').replace('usd: 5', 'usd: 4'),
    )
    await hai(stack.env, ['down'])
    const budget = JSON.parse((await show('budget', '--json')).stdout)
    expect(budget.settings[0].value.caps).toMatchObject({ day: { usd: 50 }, task: { usd: 4 } })
    expect((await show('models')).stdout).toContain('default: ollama/qwen3:8b')
  })

  it('says what is wrong with a file, with exit 2, while what was good stays in force', async () => {
    await writeFile(join(own, 'budget.yaml'), 'caps:\n  day:\n    usd: fifty\n')
    const { code, stdout, stderr } = await show('budget')
    expect(code).toBe(2)
    expect(stdout).toContain('usd: 50')
    expect(stderr).toMatch(
      /budget\.yaml.*caps\.day\.usd: "fifty".*expected number.*what was good before is in force/,
    )
    const unknown = await show('prices')
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toMatch(/name: "prices".*expected one of budget, channels/)
  })
})
