import { parseArgs } from 'node:util'
import { problemsOf } from './checks/all.ts'
import { Refused, readConfig } from './config-file.ts'
import { externals } from './externals.ts'
import { oneLine } from './paths.ts'
import { type Tree, treeOf } from './tree.ts'
import { writeTree } from './write.ts'

const USAGE = `npm run synth -- [--config FILE] [--out DIR]     write the manifests
npm run validate -- [--config FILE] [--cluster]  prove them; with the CRDs of your cluster too`

/** Runs one command line; the exit status. */
export async function run(argv: string[], print: (line: string) => void): Promise<number> {
  try {
    const { command, config, out, cluster } = options(argv)
    const tree = treeOf(await readConfig(config))
    refuse(problemsOf(tree).map(({ where, what }) => `${where}: ${what}`))
    if (command === 'validate') {
      const { validate } = await import('./validate.ts')
      return await validate(tree, { cluster, print })
    }
    report(tree, out, print)
    return 0
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    print(error.message)
    return 2
  }
}

function options(argv: string[]) {
  const spec = {
    config: { type: 'string' },
    out: { type: 'string', default: 'dist' },
    cluster: { type: 'boolean', default: false },
  } as const
  try {
    const { values, positionals } = parseArgs({ args: argv, options: spec, allowPositionals: true })
    const [command = 'synth', ...more] = positionals
    if ((command === 'synth' || command === 'validate') && more.length === 0) return { command, ...values }
    throw new Refused(`unknown words: ${positionals.join(' ')}\n${USAGE}`)
  } catch (error) {
    if (error instanceof TypeError) throw new Refused(`${error.message}\n${USAGE}`)
    throw error
  }
}

function refuse(problems: string[]): void {
  if (problems.length === 0) return
  throw new Refused('the manifests contradict themselves, nothing is written:', problems)
}

function report(tree: Tree, out: string, print: (line: string) => void): void {
  const { changed, removed } = writeTree(out, tree)
  const { file, line } = oneLine(tree.config)
  for (const name of changed) print(`written  ${out}/${name}`)
  for (const name of removed) print(`removed  ${out}/${name}`)
  print(`${tree.entries.length} objects in ${tree.files.size} files; ${changed.length} files changed`)
  print(`the one line of yours, in ${file}:`)
  print(line)
  print('what your cluster brings:')
  for (const { kind, namespace, name, why } of externals(tree.config)) {
    print(`  ${kind} ${namespace ? `${namespace}/` : ''}${name} (${why})`)
  }
}
