import { LeftOut, type Server } from './server.ts'

/** One thing that every Windmill does. */
export interface Case {
  /** A sentence about the server. */
  name: string
  /** The first version that does it, where it is known. */
  since?: string
  run: (server: Server) => Promise<void>
}

/** Leaves the case out when the server has no such route: it is older than the route. */
export function needRoute(status: number, route: string): void {
  if (status === 404 || status === 405) throw new LeftOut(`this server has no route ${route}`)
}
