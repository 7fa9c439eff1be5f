import { HaiError } from './errors.ts'

/** How a configuration names a secret: by a variable of the worker's environment. */
export const REFERENCE = /^\$env:([A-Z][A-Z0-9_]*)$/

/** What is expected where one belongs. */
export const EXPECTED =
  'expected $env:NAME, where NAME holds it in the environment of the workers; never the secret itself'

/** Where a text of a configuration stands. */
interface Place {
  /** The configuration's name. */
  name: string
  field: string
}

/** What a reference stands for; any other text is itself. `invalid` when it leads to nothing, naming the field. */
export function resolveReference(
  text: string,
  { name, field }: Place,
  environment: NodeJS.ProcessEnv,
): string {
  const [, variable] = REFERENCE.exec(text) ?? []
  if (variable === undefined) return text
  const value = environment[variable]
  if (value) return value
  throw new HaiError(
    'invalid',
    `${name} configuration: ${field} is ${text}, which is empty; ${setting(variable)}`,
  )
}

/** How a variable comes to be in the environment of the workers. */
export const setting = (variable: string): string =>
  `set it where the stack, or hai worker run, is started: export ${variable}=…, then hai down (on Windmill: for the workers of the group hai-work, with ${variable} in their WHITELIST_ENVS)`
