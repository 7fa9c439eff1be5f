import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readConfig } from '../../cdk8s/config/read.ts'
import { treeOf } from '../../cdk8s/tree.ts'
import { GENERATED } from '../../cdk8s/yaml.ts'

const root = join(import.meta.dirname, '..', '..')
const dist = join(root, 'dist')
const committed = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(dist.length + 1))
  .sort()

const own = 'kubernetes/apps/home/hai/my.yaml'
const settings = await readConfig(join(dist, own))

describe('dist', () => {
  const tree = treeOf(settings.config)

  it('is what npm run synth makes; run it when this fails', () => {
    expect(committed).toEqual([...tree.files.keys(), own].sort())
    for (const [file, text] of tree.files) expect(readFileSync(join(dist, file), 'utf8'), file).toBe(text)
  })

  it('says in every document where it comes from, and which schema an editor shall use', () => {
    for (const [file, text] of tree.files) {
      for (const document of text.split(/^---\n/m).slice(1)) {
        expect(document).toContain('my.yaml')
        expect(document.split('\n').slice(0, 2), file).toContain(GENERATED)
        if (!file.includes('/operator/'))
          expect(document).toMatch(/^# yaml-language-server: \$schema=https:\/\/\S+\.json\n|kustomization\n/)
      }
    }
  })

  it('needs one line: the Kustomizations of all namespaces stand in one file', () => {
    expect([...tree.files.keys()].filter((file) => file.endsWith('/ks.yaml'))).toEqual([
      'kubernetes/apps/home/hai/ks.yaml',
    ])
  })

  it('gives the database’s address to every worker that runs scripts of hai, from a Secret and as what jobs may see', () => {
    const [secret] = tree.entries.filter(({ object }) => object.metadata?.name === 'hai-windmill')
    const { template } = (secret!.object.spec as { target: { template: { data: Record<string, string> } } })
      .target
    const url = template.data.HAI_DATABASE_URL!
    expect(url.replace(/\{\{.*\}\}/, 'p%20w')).toBe(
      'postgresql://hai:p%20w@hai-rw.databases.svc.cluster.local:5432/hai?sslmode=require',
    )
    interface Group {
      name: string
      extraEnv: { name: string; value?: string; valueFrom?: { secretKeyRef: object } }[]
    }
    const { windmill } = parse(tree.files.get(`${tree.home}/operator/windmill-values.yaml`)!)
    const groups = windmill.workerGroups as Group[]
    expect(groups.map(({ name }) => name)).toEqual(['hai', 'hai-work'])
    for (const { extraEnv } of groups) {
      const seen = extraEnv.find(({ name }) => name === 'WHITELIST_ENVS')?.value?.split(',')
      expect(seen).toContain('HAI_DATABASE_URL')
      expect(extraEnv.find(({ name }) => name === 'HAI_DATABASE_URL')?.valueFrom).toEqual({
        secretKeyRef: { name: 'hai-windmill', key: 'HAI_DATABASE_URL' },
      })
    }
  })

  it.runIf(spawnSync('yamllint', ['--version']).status === 0)('is what yamllint takes', () => {
    const rules =
      '{extends: default, rules: {line-length: disable, quoted-strings: {quote-type: double, required: false}}}'
    expect(execFileSync('yamllint', ['--strict', '-d', rules, dist], { encoding: 'utf8' })).toBe('')
  })
})
