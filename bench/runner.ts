import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { load, report } from './measure.ts'
import { BenchStack } from './stack.ts'

const JOBS = 5_000
const CALLS = 3000

/** Windmill's own figures for a sync call of a trivial script, in milliseconds; quoted, not measured here. */
const QUOTED =
  'https://www.windmill.dev/docs/misc/benchmarks/aws_lambda: 111 ms a call, 54 ms with a dedicated worker'

/** The local stack in Windmill's place: sync calls of a trivial script, and the list of many jobs. */
export async function runner(): Promise<void> {
  const stack = new BenchStack()
  try {
    await stack.up()
    const echo = async (n: number) => {
      const answer = await stack.call<number>('f/hai/bench/echo', { n })
      if (answer !== n) throw new Error(`asked for ${n}, got ${answer}`)
    }
    await load(300, 10, echo)
    const bare = await bareHttp()
    const alone = await load(500, 1, echo)
    report(`a sync call, concurrency 1, p50 (node:http: ${bare.p50.toFixed(2)} ms)`, alone.p50, ' ms', 6)
    const ten = await load(CALLS, 10, echo)
    report(
      `the same, concurrency 10 (node:http: ${bare.perSecond.toFixed(0)}/s)`,
      ten.perSecond,
      '/s',
      500,
      'more',
    )
    console.log(`  quoted for Windmill itself: ${QUOTED}`)
    await load(JOBS, 20, echo)
    const list = await load(50, 1, async () => {
      const jobs = await stack.list()
      if (jobs.length !== 30) throw new Error(`asked for 30 jobs, got ${jobs.length}`)
    })
    report(`the first page of ${JOBS} jobs, p50`, list.p50, ' ms', 20)
  } finally {
    await stack.remove()
  }
}

/** A server that answers the same body, called in the same way. */
async function bareHttp(): Promise<{ p50: number; perSecond: number }> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      response.setHeader('content-type', 'application/json')
      response.end(String((JSON.parse(body) as { n: number }).n))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const call = async (n: number) => {
    await (await fetch(url, { method: 'POST', body: JSON.stringify({ n }) })).json()
  }
  await load(300, 10, call)
  const { p50 } = await load(500, 1, call)
  const { perSecond } = await load(CALLS, 10, call)
  server.close()
  server.closeAllConnections()
  return { p50, perSecond }
}
