import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { projectRoot } from '../runner/root.ts'
import { checkBundle, problemTable } from './check/check.ts'
import { Server } from './conformance/server.ts'
import { runConformance } from './conformance/suite.ts'
import { deploy } from './deploy/deploy.ts'
import { drift } from './drift/drift.ts'
import { checkProject, generateMetadata } from './metadata.ts'
import { stagedDoors } from './stage/door.ts'
import { resourceTypes } from './stage/resource-types.ts'
import { OccupiedFolder, writeBundle } from './stage/stage.ts'

const USAGE = `usage: windmill.cjs COMMAND
  metadata [--root=DIR]  write the schemas of the doors, as the official CLI reads them
  check [--root=DIR] [--types]
                         what would keep the bundle from running on a server; 1 and a table when there is something.
                         --types prints the resource types that a push makes of what hai's settings accept
  bundle --out=DIR [--one-pool] [--root=DIR]
                         write the bundle as it goes to a server into a new folder, for \`wmill sync push\` there or for
                         Windmill's Git sync
  conformance --base-url=URL --workspace=W [--token-file=FILE | --token=-]
                         whether a server does what hai relies on; the token comes from the file, from stdin (-), or
                         from WM_TOKEN. It must be its user's whole token, without scopes
  deploy, drift          push the bundle to a server; compare a server with it: --help tells more`

class UsageError extends Error {}

const OPTIONS = {
  root: { type: 'string' },
  'base-url': { type: 'string' },
  workspace: { type: 'string' },
  'token-file': { type: 'string' },
  token: { type: 'string' },
  out: { type: 'string' },
  'one-pool': { type: 'boolean' },
  types: { type: 'boolean' },
} as const

type Flag = 'one-pool' | 'types'
type Values = { [Name in Exclude<keyof typeof OPTIONS, Flag>]?: string } & { [Name in Flag]?: boolean }

async function main([command, ...rest]: string[]): Promise<number> {
  if (command === 'deploy') return deploy(rest, process.env)
  if (command === 'drift') return drift(rest, process.env)
  const values = parsed(rest)
  const root = values.root ? resolve(values.root) : projectRoot()
  const log = (line: string) => process.stdout.write(`${line}\n`)
  switch (command) {
    case 'metadata':
      for (const file of await generateMetadata(root)) log(`wrote ${file}`)
      return 0
    case 'check':
      return check(root, values, log)
    case 'bundle':
      return bundle(root, values, log)
    case 'conformance':
      return conformance(values, log)
    default:
      throw new UsageError(USAGE)
  }
}

function parsed(args: string[]): Values {
  try {
    return parseArgs({ args, options: OPTIONS }).values
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n${USAGE}`)
  }
}

async function check(root: string, values: Values, log: (line: string) => void): Promise<number> {
  if (values.types) for (const [type, text] of resourceTypes()) log(`# ${type}.resource-type.yaml\n${text}`)
  const problems = await checkProject(root)
  log(problems.length > 0 ? problemTable(problems) : 'nothing is wrong with the bundle')
  return problems.length > 0 ? 1 : 0
}

async function bundle(root: string, values: Values, log: (line: string) => void): Promise<number> {
  if (!values.out) throw new UsageError(`--out is missing: the folder to write\n${USAGE}`)
  const folder = resolve(values.out)
  const doors = await stagedDoors(root)
  const problems = await checkBundle(root, doors)
  if (problems.length > 0) {
    log(problemTable(problems))
    return 1
  }
  try {
    await writeBundle(root, folder, { onePool: values['one-pool'] ?? false, doors })
    log(`${doors.length} doors, each in one file, and all that belongs to them: ${folder}`)
  } catch (error) {
    if (!(error instanceof OccupiedFolder)) throw error
    throw new UsageError(error.message)
  }
  return 0
}

async function conformance(values: Values, log: (line: string) => void): Promise<number> {
  const { 'base-url': endpoint, workspace } = values
  if (!endpoint || !workspace) throw new UsageError(`--base-url and --workspace are needed\n${USAGE}`)
  const { failed } = await runConformance(new Server({ endpoint, workspace, token: tokenOf(values) }), log)
  return failed.length > 0 ? 1 : 0
}

/** A token on the command line would be seen by everybody on the machine. */
function tokenOf({ token, 'token-file': file }: Values): string {
  if (token !== undefined && token !== '-') {
    throw new UsageError('--token takes only -, which reads it from stdin; or use --token-file or WM_TOKEN')
  }
  const text =
    token === '-' ? readFileSync(0, 'utf8') : file ? readFileSync(file, 'utf8') : process.env.WM_TOKEN
  if (!text?.trim()) throw new UsageError('there is no token: set WM_TOKEN, or use --token-file or --token=-')
  return text.trim()
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    const usage = error instanceof UsageError
    process.stderr.write(`${usage ? error.message : error instanceof Error ? error.stack : error}\n`)
    process.exit(usage ? 2 : 1)
  },
)
