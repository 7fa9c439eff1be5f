import { readFileSync } from 'node:fs'
import type * as z from 'zod'
import { Config } from './config.ts'

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
