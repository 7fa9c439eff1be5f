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
  try {
    return parse(text) ?? undefined
  } catch (error) {
    throw new ApiError(400, `${file}: ${(error as Error).message}`)
  }
}

function configFolder(env: NodeJS.ProcessEnv): string {
  const home = env.XDG_CONFIG_HOME
  if (home && isAbsolute(home)) return join(home, 'hai')
  return join(env.HOME || homedir(), '.config', 'hai')
}
