import { parseArgs } from 'node:util'
import { problemsOf } from './checks/all.ts'
import { type Config, homeFolder, oneLine } from './config/config.ts'
import { ownConfig, Refused, readConfig, refuseElsewhere } from './config/read.ts'
import { externals, gatewayPolicy } from './operator/externals.ts'
import { goneObjects } from './repository/gone.ts'
import { type KeptImage, keepImages } from './repository/kept-images.ts'
import { isOurs, readTree, staleFiles, writeTree } from './repository/write.ts'
import { type Tree, treeOf } from './tree.ts'

const USAGE = `npm run synth -- [--out REPOSITORY] [--config FILE] [--verbose]     write the manifests; name each file that changes
npm run validate -- [--out REPOSITORY] [--config FILE] [--cluster]  prove them; with the CRDs of your cluster too
The settings are the repository's own hai/my.yaml, unless --config names others.`

/** Runs one command line; the exit status. */
export async function run(argv: string[], print: (line: string) => void): Promise<number> {
  try {
    const { command, config: file, out, cluster, verbose, help } = options(argv)
    if (help) {
      print(USAGE)
      return 0
    }
    const { config, kept, undone } = await settings(file, out)
    const tree = treeOf(config)
    refuse(problemsOf(tree).map(({ where, what }) => `${where}: ${what}`))
    if (command === 'validate') {
      const { validate } = await import('./checks/validate.ts')
      for (const name of staleFiles(out, tree)) print(`not as synth makes it: ${out}/${name}`)
      return await validate(tree, { cluster, print })
    }
    report(tree, { out, kept, undone, verbose }, print)
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
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  } as const
  try {
    const { values, positionals } = parseArgs({ args: argv, options: spec, allowPositionals: true })
    if (values.out === '') throw new Refused(`--out is empty: name a repository\n${USAGE}`)
    const [command = 'synth', ...more] = positionals
    if ((command === 'synth' || command === 'validate') && more.length === 0) return { command, ...values }
    throw new Refused(`unknown words: ${positionals.join(' ')}\n${USAGE}`)
  } catch (error) {
    if (error instanceof TypeError) throw new Refused(`${error.message}\n${USAGE}`)
    throw error
  }
}

/** The settings, with the images that the repository has already. */
async function settings(
  named: string | undefined,
  out: string,
): Promise<{ config: Config; kept: KeptImage[]; undone: KeptImage[] }> {
  const file = named ?? ownConfig(out)
  const { config, given } = await readConfig(file)
  if (named === undefined) refuseElsewhere(file, out, config)
  const ours = [...readTree(out, homeFolder(config))].filter(([name, text]) => isOurs(name, text))
  return keepImages(
    config,
    given,
    ours.map(([, text]) => text),
  )
}

function refuse(problems: string[]): void {
  if (problems.length === 0) return
  throw new Refused('the manifests contradict themselves, nothing is written:', problems)
}

interface Run {
  out: string
  kept: readonly KeptImage[]
  undone: readonly KeptImage[]
  verbose: boolean
}

/** What was done in a line or, when asked, file by file; and then all that is left to the operator. */
function report(tree: Tree, { out, kept, undone, verbose }: Run, print: (line: string) => void): void {
  const gone = goneObjects(readTree(out, tree.home), tree)
  const { changed, removed } = writeTree(out, tree)
  const { file, line } = oneLine(tree.config)
  if (verbose) {
    for (const name of changed) print(`written  ${out}/${name}`)
    for (const name of removed) print(`removed  ${out}/${name}`)
  }
  const named = verbose || changed.length + removed.length === 0 ? '' : '; --verbose names them'
  print(
    `${tree.entries.length} objects in ${tree.files.size} files below ${out}/${tree.home}; ${changed.length} files changed, ${removed.length} removed${named}`,
  )
  for (const object of gone) print(`gone     ${object}`)
  for (const { field, image, instead } of kept)
    print(`kept     ${image} as ${field}; hai's own is ${instead}`)
  for (const { field, image, instead } of undone)
    print(`undone   ${image}; the settings name ${instead} as ${field}: move it there`)
  for (const name of changed.filter((one) => one.startsWith(`${tree.home}/operator/`)))
    print(`merge    ${out}/${name}; its first lines say into what`)
  print(`the one line of yours, in ${file}:`)
  print(line)
  const { exposure, gateway } = tree.config
  print(`exposure: ${exposure}, by Gateway ${gateway.namespace}/${gateway.name}`)
  print('what your cluster brings:')
  for (const { kind, namespace, name, why } of externals(tree.config)) {
    print(`  ${kind} ${namespace ? `${namespace}/` : ''}${name} (${why})`)
  }
  print(gatewayPolicy(tree.config))
}
