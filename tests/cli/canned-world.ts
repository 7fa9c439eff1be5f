import { afterEach, beforeEach } from 'vitest'
import { type CannedServer, cannedServer, type Door } from './canned-server.ts'
import { aHomeFolder } from './run-hai.ts'

export interface CannedWorld {
  server: CannedServer
  home: ReturnType<typeof aHomeFolder>
  /** What a command needs to find both. */
  env: Record<string, string>
}

/** Before each test of the file, a server with these doors and an empty home, handed to `use`; after it both are gone. */
export function cannedWorld(use: (world: CannedWorld) => void, doors?: () => Record<string, Door>): void {
  let world: CannedWorld
  beforeEach(async () => {
    const server = await cannedServer(doors?.())
    const home = aHomeFolder()
    world = { server, home, env: { ...home.env, ...server.env } }
    use(world)
  })
  afterEach(async () => {
    await world.server.close()
    world.home.remove()
  })
}
