import { emptyReference } from '../config.ts'

/** What may stand for a secret in a configuration: a Windmill variable, or one of the worker's environment. */
export const REFERENCE = /^\$(var:[fu]\/.+|env:[A-Z][A-Z0-9_]*)$/

/** Whether a text stands for a variable of Windmill's, which who may read it reads. */
export const isVariable = (text: string): boolean => text.startsWith('$var:')

/** Where references lead. */
export interface Secrets {
  environment: NodeJS.ProcessEnv
  variable: (path: string) => Promise<string>
}

/** What a reference stands for; any other text is itself. `invalid` when it leads to nothing, naming `field`. */
export async function resolveReference(text: string, field: string, secrets: Secrets): Promise<string> {
  if (!REFERENCE.test(text)) return text
  const where = text.slice('$var:'.length)
  const value = isVariable(text) ? await secrets.variable(where) : secrets.environment[where]
  if (value) return value
  throw emptyReference('channels', field, text)
}
