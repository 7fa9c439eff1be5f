import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

type Env = Record<string, string | undefined>

/** Where the operator's settings and tokens are: `hai` below XDG_CONFIG_HOME or ~/.config. */
export function configDirOf(env: Env): string {
  return join(base(env, 'XDG_CONFIG_HOME', '.config'), 'hai')
}

/** Where what can be lost without harm is: `hai` below XDG_STATE_HOME or ~/.local/state. */
export function stateDirOf(env: Env): string {
  return join(base(env, 'XDG_STATE_HOME', '.local/state'), 'hai')
}

/** `~` and `~/x` as the home directory has them; any other path as it is. */
export function expandHome(path: string, env: Env): string {
  return path === '~' || path.startsWith('~/') ? join(homeOf(env), path.slice(1)) : path
}

/** A path as people read it, with the home directory as `~`. */
export function tilde(path: string, env: Env): string {
  const home = homeOf(env)
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path
}

function homeOf(env: Env): string {
  return env.HOME || homedir()
}

// The XDG specification tells programs to ignore relative paths.
function base(env: Env, variable: string, fallback: string): string {
  const value = env[variable]
  return value && isAbsolute(value) ? value : join(homeOf(env), fallback)
}
