import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import type { Tree } from '../../../cdk8s/tree.ts'
import { objectIn } from '../../cdk8s/configurations.ts'
import { answers, freePort, peer, type Running, start } from '../peer.ts'
import { ISSUER_CERTIFICATE } from './certificate.ts'

interface Container {
  image: string
  env: { name: string; value?: string }[]
}

/** The container that the generated Deployment of the proxy runs. */
export function proxyContainer(tree: Tree): Container {
  const { spec } = objectIn(tree, 'Deployment', 'hai-oauth2-proxy') as unknown as {
    spec: { template: { spec: { containers: [Container] } } }
  }
  return spec.template.spec.containers[0]
}

export interface ProxyPod extends Running {
  port: number
  metricsPort: number
}

interface WorkerEnvironment {
  secrets: { CLIENT_SECRET: string; COOKIE_SECRET: string }
  upstream: string
  issuer: { host: string; port: number }
  /** For files. */
  folder: string
  /** What a test has to have otherwise, and says why. */
  changed?: Record<string, string>
}

/**
 * oauth2-proxy with the environment of the generated Deployment. Other than in a cluster are its secrets, the addresses
 * of its upstream and its own, and the network that is trusted; the issuer's host is found by a proxy for it.
 */
export async function startProxyPod(tree: Tree, around: WorkerEnvironment): Promise<ProxyPod> {
  const [port, metricsPort] = [await freePort(), await freePort()]
  const way = await wayTo(around.issuer)
  const authority = join(around.folder, 'issuer.crt')
  writeFileSync(authority, ISSUER_CERTIFICATE.cert)
  const generated = proxyContainer(tree).env.flatMap(({ name, value }) =>
    value === undefined ? [] : [[name, value]],
  )
  const here = {
    ...around.secrets,
    UPSTREAMS: around.upstream,
    HTTP_ADDRESS: `127.0.0.1:${port}`,
    METRICS_ADDRESS: `127.0.0.1:${metricsPort}`,
    TRUSTED_PROXY_IPS: '127.0.0.1/32',
    ...around.changed,
  }
  const settings = Object.entries(here).map(([name, value]) => [`OAUTH2_PROXY_${name}`, value])
  const env = {
    ...Object.fromEntries([...generated, ...settings]),
    HTTPS_PROXY: `http://127.0.0.1:${way.port}`,
    SSL_CERT_FILE: authority,
  }
  const ready = () => answers(`http://127.0.0.1:${port}/ready`)
  const running = await start(peer('HAI_PEER_OAUTH2_PROXY'), [], { env, ready }).catch((error) => {
    way.stop()
    throw error
  })
  const stop = async () => {
    await running.stop()
    way.stop()
  }
  return { ...running, stop, port, metricsPort }
}

/** What a resolver would do in the cluster: leads to the issuer, and nowhere else. */
async function wayTo({ host, port }: { host: string; port: number }) {
  const server = createServer().on('connect', (request, client) => {
    if (request.url !== `${host}:443`) return client.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    const there = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n')
      there.pipe(client).pipe(there)
    })
    there.on('error', () => client.destroy())
    client.on('error', () => there.destroy())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
