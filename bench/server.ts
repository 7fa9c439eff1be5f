import { join } from 'node:path'
import { projectRoot } from '../runner/root.ts'
import { paired, report } from './measure.ts'

const RUNS = 11

/**
 * What somebody at a terminal waits for on a real server, beside a bare `node -e 0`: a question that needs no model, which is
 * one job there, and a list of todos, which is one as well. HAI_ENDPOINT, HAI_WORKSPACE and HAI_TOKEN say which server.
 */
export async function server(): Promise<void> {
  for (const name of ['HAI_ENDPOINT', 'HAI_WORKSPACE', 'HAI_TOKEN']) {
    if (!process.env[name]) throw new Error(`${name} is not set: this is measured on a server that is there`)
  }
  const env = { ...process.env, NO_COLOR: '1' }
  const node = [process.execPath, '-e', '0']
  const hai = [process.execPath, join(projectRoot(), 'cli', 'bin.cjs')]
  for (const [args, target] of [
    [['ask', 'what is open?'], 800],
    [['todo', 'ls'], 500],
  ] as const) {
    const { a, b } = paired([...hai, ...args], node, env, RUNS)
    report(`hai ${args.join(' ')}, whole command (node -e 0: ${b.toFixed(0)} ms)`, a, ' ms', target)
  }
}
