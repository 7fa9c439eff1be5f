import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

export interface Server {
  endpoint: string
  workspace: string
  token: string
}

export interface Finished {
  code: number | null
  stdout: string
  stderr: string
}

/** The program of the official CLI that package.json pins. */
export function wmillProgram(): string {
  return createRequire(import.meta.url).resolve('windmill-cli/esm/main.js')
}

/** Makes a server the CLI's active workspace in a configuration folder of its own: no token goes on a command line. */
export function configureWmill(configDir: string, { endpoint, workspace, token }: Server): void {
  const folder = join(configDir, 'windmill')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const remote = { remote: `${endpoint}/`, workspaceId: workspace, name: 'hai', token }
  writeFileSync(join(folder, 'remotes.ndjson'), `${JSON.stringify(remote)}\n`, { mode: 0o600 })
  writeFileSync(join(folder, 'activeWorkspace'), 'hai')
}

/** Runs the official CLI in a folder that holds a wmill.yaml. Whatever its exit code, it resolves. */
export async function wmill(
  args: string[],
  { cwd, configDir }: { cwd: string; configDir: string },
): Promise<Finished> {
  const child = spawn(process.execPath, [wmillProgram(), ...args], {
    cwd,
    env: { ...inherited(), HOME: configDir, WMILL_CONFIG_DIR: configDir, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  return { code, stdout, stderr }
}

/** What a way to the server may need: a homelab's own authority, a proxy, headers of its edge. */
const PASSED_ON = ['PATH', 'LANG', 'NODE_EXTRA_CA_CERTS', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'HEADERS']

function inherited(): Record<string, string> {
  return Object.fromEntries(
    PASSED_ON.flatMap((name) => [[name, process.env[name] ?? '']]).filter(([, value]) => value),
  )
}
