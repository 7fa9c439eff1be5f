import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { dataDirOf, logFileOf } from './instance/file.ts'
import { rotated } from './instance/log.ts'
import { projectRoot } from './root.ts'
import { serve } from './serve.ts'

const USAGE = `usage: runner.cjs serve [--data-dir=DIR] [--idle-minutes=30] [--foreground]
  --foreground    log to stderr and stay until told to stop (as npm start does)
  --idle-minutes  stop after so many minutes without a call; 0 never (the default with --foreground)`

async function main(): Promise<number> {
  // libpq's names, PGPASSWORD and its kind, say how to reach somebody else's database: the driver would read them for ours
  for (const name of Object.keys(process.env)) if (/^PG[A-Z]/.test(name)) delete process.env[name]
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'data-dir': { type: 'string' },
      'idle-minutes': { type: 'string' },
      foreground: { type: 'boolean', default: false },
    },
  })
  const idleMinutes = Number(values['idle-minutes'] ?? (values.foreground ? 0 : 30))
  if (positionals.join() !== 'serve' || !(idleMinutes >= 0)) throw new TypeError(USAGE)
  const stamp = values.foreground ? () => '' : () => `${new Date().toISOString()} `
  const dataDir = values['data-dir'] ? resolve(values['data-dir']) : dataDirOf(process.env)
  const write = rotated(logFileOf(dataDir), (text) => process.stderr.write(text))
  return serve({
    dataDir,
    bundleRoot: process.env.HAI_BUNDLE_DIR ? resolve(process.env.HAI_BUNDLE_DIR) : projectRoot(),
    idleMinutes,
    env: process.env,
    log: (line) => write(`${stamp()}${line}\n`),
  })
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    const usage = error instanceof TypeError
    process.stderr.write(`${usage ? error.message : error instanceof Error ? error.stack : error}\n`)
    process.exit(usage ? 2 : 1)
  },
)
