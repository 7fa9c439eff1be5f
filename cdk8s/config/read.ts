import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type * as z from 'zod'
import { Config, homeFolder } from './config.ts'

/** Something that the operator can mend; shown without a stack. */
export class Refused extends Error {
  readonly problems: readonly string[]

  constructor(message: string, problems: readonly string[] = []) {
    super([message, ...problems.map((problem) => `  ${problem}`)].join('\n'))
    this.name = 'Refused'
    this.problems = problems
  }
}

/** The configuration in a YAML file, with the defaults; and what the file itself says. */
export async function readConfig(file: string): Promise<{ config: Config; given: unknown }> {
  const given = await parsed(file)
  return { config: parseConfig(given, file), given }
}

/** A configuration, with the defaults; each problem names field, value and what was expected. */
export function parseConfig(input: unknown, source = 'the configuration'): Config {
  const { success, data, error } = Config.safeParse(input ?? {})
  if (success) return data
  throw new Refused(
    `${source} is refused, nothing is written:`,
    error.issues.flatMap((issue) => explained(issue, input)),
  )
}

async function parsed(file: string): Promise<unknown> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new Refused(`${file} can't be read: ${(error as Error).message}`)
  }
  const { parseDocument } = await import('yaml')
  const document = parseDocument(text)
  const broken = document.errors[0]
  if (broken) throw new Refused(`${file} is no YAML: ${broken.message}`)
  let given: unknown
  try {
    given = document.toJS()
  } catch (error) {
    throw new Refused(`${file} is no YAML: ${(error as Error).message}`)
  }
  if (isCircular(given)) throw new Refused(`${file} is no YAML: an alias stands inside of what it names`)
  return given
}

function isCircular(value: unknown, above: readonly unknown[] = []): boolean {
  if (typeof value !== 'object' || value === null) return false
  return above.includes(value) || Object.values(value).some((inner) => isCircular(inner, [...above, value]))
}

function explained(issue: z.core.$ZodIssue, input: unknown): string[] {
  const field = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(
      (key) => `${field ? `${field}.` : ''}${key} is no field; remove it or check its spelling`,
    )
  }
  const inner = innermost(issue)
  if (inner.length > 0) return inner.flatMap((one) => explained(one, input))
  const value = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    input,
  )
  if (issue.code === 'invalid_key') {
    return [`${field}: the name is not accepted; ${issue.issues[0]?.message ?? issue.message}`]
  }
  if (value === undefined) return [`${field} is missing: ${issue.message}`]
  return [`${field || 'the file'}: ${JSON.stringify(value)} is not accepted; ${issue.message}`]
}

/** What is wrong inside of the form that was meant, where several are possible; and with a key, not with its value. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  const below = (issues: readonly z.core.$ZodIssue[]) =>
    issues.map((one) => ({ ...one, path: [...issue.path, ...one.path] }))
  if (issue.code === 'invalid_key') return issue.issues.map((one) => ({ ...one, path: issue.path }))
  if (issue.code !== 'invalid_union') return []
  const meant = issue.errors.filter((issues) =>
    issues.every(
      ({ code, path }) => path.length > 0 || (code !== 'invalid_type' && code !== 'invalid_value'),
    ),
  )
  return meant.length === 1 ? below(meant[0]!) : []
}

const NAME = 'my.yaml'
/** `kubernetes/clusters/main/apps/home/hai` and one more. */
const DEPTH = 7

/** The operator's settings in the repository: the one `hai/my.yaml` in it. Only names of folders are read. */
export function ownConfig(out: string): string {
  const found = [...below(out, 0)]
  const [first] = found
  if (first === undefined) {
    throw new Refused(`no hai/${NAME} lies below ${out}, nothing is written:`, [
      `hai gitops init ${out} makes one; --config FILE takes another one`,
    ])
  }
  if (found.length === 1) return first
  throw new Refused(
    `several hai/${NAME} lie below ${out}, nothing is written:`,
    found.map((file) => `--config ${file}`),
  )
}

function* below(folder: string, depth: number): Generator<string> {
  let entries: ReturnType<typeof named>
  try {
    entries = named(folder)
  } catch {
    // a folder that may not be read, or is not there, holds no settings of ours
    return
  }
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isFile() && entry.name === NAME && /(^|\/)hai$/.test(folder)) yield path
    if (entry.isDirectory() && depth < DEPTH && !/^(\..*|node_modules)$/.test(entry.name)) {
      yield* below(path, depth + 1)
    }
  }
}

const named = (folder: string) =>
  readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))

/** Refuses settings that name another folder than the one they lie in: the old one would be left behind. */
export function refuseElsewhere(file: string, out: string, config: Config): void {
  const here = relative(out, dirname(file))
  const meant = homeFolder(config)
  if (here === meant) return
  throw new Refused(`${file} says namespace and flux.path of another folder, nothing is written:`, [
    `git -C ${out} mv ${here} ${meant}`,
  ])
}
