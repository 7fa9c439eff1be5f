import { connect } from 'node:net'

/** A server that takes no connection within this is taken to be away: what is free stands in the same house. */
const CONNECT_MS = 1000
/** How long an answer is believed, in milliseconds: a burst of tasks asks once, a server that comes up is soon seen. */
const BELIEVED_MS = { yes: 5000, no: 1000 }

export type Reached = (url: string) => Promise<boolean>

const known = new Map<string, { until: number; answer: Promise<boolean> }>()

/**
 * Whether something takes connections where `url` points. No request is made, as a server that is busy with an answer
 * may be slow with the next one; what it would say is for the call to find out. Believed for a few seconds.
 */
export async function reaches(url: string): Promise<boolean> {
  const { host } = new URL(url)
  const believed = known.get(host)
  if (believed && believed.until > Date.now()) return believed.answer
  // whoever asks meanwhile waits for the same answer
  const answer = connects(url)
  known.set(host, { until: Date.now() + CONNECT_MS, answer })
  const yes = await answer
  known.set(host, { until: Date.now() + (yes ? BELIEVED_MS.yes : BELIEVED_MS.no), answer })
  return yes
}

/** The same, asked anew: for whoever looks because he has just changed something. */
export function connects(url: string): Promise<boolean> {
  const { protocol, hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port) || (protocol === 'https:' ? 443 : 80),
    })
    const end = (answer: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answer)
    }
    const timer = setTimeout(() => end(false), CONNECT_MS)
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}
