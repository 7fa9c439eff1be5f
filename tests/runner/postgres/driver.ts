// A supervisor as a process of its own, for tests that kill it: one JSON event per line, `stop` on stdin ends it.
import { startPostgres } from '../../../runner/postgres/server.ts'

const say = (event: Record<string, unknown>) => process.stdout.write(`${JSON.stringify(event)}\n`)

try {
  const server = await startPostgres({
    dataDir: process.argv[2]!,
    log: (text) => say({ event: 'log', text }),
    progress: (text) => say({ event: 'progress', text }),
    onUnrecoverable: (error) => say({ event: 'unrecoverable', text: error.message }),
  })
  say({ event: 'ready', pid: server.pid(), adopted: server.adopted, dir: server.clusterDir, url: server.url })
  process.stdin.once('data', async () => {
    await server.stop()
    say({ event: 'stopped' })
    process.exit(0)
  })
} catch (error) {
  say({ event: 'failed', text: (error as Error).message })
}
