import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { parse } from 'yaml'
import { ApiError } from './api-error.ts'

/** The operator's own `<name>.yaml`, read anew at each call; undefined when there is none. */
export function readSettings(name: string, env: NodeJS.ProcessEnv): unknown {
  const file = join(configFolder(env), `${name}.yaml`)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  let value: unknown
  try {
    value = parse(text) ?? undefined
  } catch (error) {
    throw new ApiError(400, `${file}: ${(error as Error).message}`)
  }
  const endless = endlessIn(value)
  if (endless)
    throw new ApiError(400, `${file}: ${endless} is no number that can be reckoned with; write one`)
  return value
}

/** Where a number is infinite or none, as 1e999 or .nan is: JSON has no such, and would carry it on as nothing. */
function endlessIn(value: unknown, path = ''): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${path} ${value}`
  if (typeof value !== 'object' || value === null) return undefined
  const inner = Object.entries(value).map(([key, one]) => endlessIn(one, path ? `${path}.${key}` : key))
  return inner.find((found) => found !== undefined)
}

function configFolder(env: NodeJS.ProcessEnv): string {
  const home = env.XDG_CONFIG_HOME
  if (home && isAbsolute(home)) return join(home, 'hai')
  return join(env.HOME || homedir(), '.config', 'hai')
}
