import { spawnSync } from 'node:child_process'

/** Runs a program to its end with its output shown; an error where it fails. */
export function run(command, args, options = {}) {
  started(command, args, { ...options, stdio: ['ignore', 'inherit', 'inherit'] })
}

/** What a program printed; an error where it fails. */
export function textOf(command, args, options = {}) {
  return started(command, args, { ...options, stdio: ['ignore', 'pipe', 'inherit'] }).stdout
}

/** Whether a program is there and runs with these arguments. */
export const runs = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0

function started(command, args, { env, ...options }) {
  const done = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, ...env },
    ...options,
  })
  if (done.status === 0) return done
  const why = done.error?.message ?? `ended with ${done.status ?? done.signal}`
  throw new Error(`${command} ${args.join(' ')}: ${why}`)
}
