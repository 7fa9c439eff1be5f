import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { misnamedFiles, unknownFiles } from '../../../runner/instance/misnamed.ts'

const SETTINGS = ['budget', 'models']

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hai-misnamed-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

it('tells what no setting is near to from settings, misnamed ones, and what is left beside them', () => {
  mkdirSync(join(folder, 'drafts.yaml'))
  for (const name of ['budget.yaml', 'config.yaml', 'agents.yaml', 'Tools.YML', 'notes.md', 'token'])
    writeFileSync(join(folder, name), '')
  for (const name of ['model.yaml', 'agents.yaml.bak', '.agents.yaml', 'agents.old.yaml'])
    writeFileSync(join(folder, name), '')
  symlinkSync('budget.yaml', join(folder, 'everything.yaml'))
  expect(unknownFiles(folder, SETTINGS).sort()).toEqual(['Tools.YML', 'agents.yaml'])
  expect(misnamedFiles(folder, SETTINGS).map(({ file }) => file)).toEqual(['model.yaml'])
})

it('finds nothing where there is no folder', () => {
  expect(unknownFiles(join(folder, 'none'), SETTINGS)).toEqual([])
})
