import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Failure } from '../failure.ts'
import { checkout } from '../files.ts'
import type { KubeObject } from './judge.ts'
import type * as kubernetes from './kubernetes.ts'

/** What reading one object brought. `unknown`: the cluster has no such kind. A server that does not answer is an error. */
export type Found = { state: 'there'; object: KubeObject } | { state: 'gone' | 'denied' | 'unknown' }

/** A cluster's API, as far as looking at single objects needs it. */
export interface Cluster {
  server: string
  context: string
  read(wanted: KubeObject): Promise<Found>
}

/** What the library falls back to when there is nothing to load. */
const NOWHERE = 'http://localhost:8080'
/** How long a server may take for one object; milliseconds. */
const TIMEOUT_MS = 10_000

/**
 * The cluster of the operator's own kubeconfig: of `context`, or of the current one. Reads what `KUBECONFIG` names, else
 * ~/.kube/config, else what a pod is given. Refuses with `usage` where that tells of no cluster.
 */
export function connectCluster(context?: string): Cluster {
  const { CoreV1Api, CustomObjectsApi, KubeConfig } = loadKubernetes()
  const config = patient(new KubeConfig())
  try {
    config.loadFromDefault()
  } catch (error) {
    const { message } = error as Error
    throw new Failure('usage', `the kubeconfig can't be read: ${message}`, { cause: error })
  }
  if (context !== undefined) choose(config, context)
  const server = config.getCurrentCluster()?.server
  if (!server || server === NOWHERE) throw nowhere(config)
  const core = config.makeApiClient(CoreV1Api)
  const custom = config.makeApiClient(CustomObjectsApi)
  return {
    server,
    context: config.getCurrentContext(),
    async read({ apiVersion, kind, metadata: { namespace, name } }) {
      const [group, version] = apiVersion.split('/')
      const plural = `${kind.toLowerCase().replace(/y$/, 'ie')}s`
      return answered(server, async () => {
        if (kind === 'ConfigMap') return core.readNamespacedConfigMap({ namespace, name })
        if (kind === 'Service') return core.readNamespacedService({ namespace, name })
        if (kind === 'ServiceAccount') return core.readNamespacedServiceAccount({ namespace, name })
        return custom.getNamespacedCustomObject({ group: group!, version: version!, namespace, plural, name })
      })
    },
  }
}

/** Lets no server be waited for without end; how long a login takes that a person must do counts for nothing. */
function patient(config: kubernetes.KubeConfig): kubernetes.KubeConfig {
  const authenticate = config.applySecurityAuthentication.bind(config)
  config.applySecurityAuthentication = async (request) => {
    await authenticate(request)
    request.setSignal(AbortSignal.timeout(TIMEOUT_MS))
  }
  return config
}

function choose(config: kubernetes.KubeConfig, context: string): void {
  const names = config.getContexts().map(({ name }) => name)
  if (!names.includes(context)) {
    throw new Failure(
      'usage',
      `--context: ${JSON.stringify(context)} is none of the kubeconfig's; expected ${names.join(', ') || 'one that it has'}`,
    )
  }
  config.setCurrentContext(context)
}

function nowhere(config: kubernetes.KubeConfig): Failure {
  const names = config.getContexts().map(({ name }) => name)
  const current = config.getCurrentContext()
  if (config.getCurrentCluster()?.server === NOWHERE) {
    return new Failure('usage', 'no cluster is known here', {
      next: 'KUBECONFIG=FILE hai gitops status; without it ~/.kube/config is read',
    })
  }
  const why = current ? `its current context, ${current}, leads to no cluster` : 'it has no current context'
  return new Failure('usage', `the kubeconfig names no cluster: ${why}`, {
    next: names.length > 0 ? `--context with one of ${names.join(', ')}` : 'kubectl config get-contexts',
  })
}

async function answered(server: string, read: () => Promise<unknown>): Promise<Found> {
  try {
    return { state: 'there', object: (await read()) as KubeObject }
  } catch (error) {
    const { code, body, message } = error as { code?: unknown; body?: unknown; message: string }
    if (code === 404) return { state: ofAnObject(body) ? 'gone' : 'unknown' }
    if (code === 403) return { state: 'denied' }
    if (code === 401) {
      throw new Failure('denied', `${server} refuses the credentials of the kubeconfig`, {
        next: 'kubectl auth whoami',
        cause: error,
      })
    }
    const reason =
      (error as Error).name === 'AbortError' ? `no answer within ${TIMEOUT_MS / 1000} s` : message
    throw new Failure('unreachable', `${server} can't be asked (${reason.split('\n')[0]})`, { cause: error })
  }
}

/** Of an object that is not there the server sends a Status with its name; of a path that it does not serve, a plain text. */
function ofAnObject(body: unknown): boolean {
  try {
    const { details } = (typeof body === 'string' ? JSON.parse(body) : body) as {
      details?: { name?: string }
    }
    return details?.name !== undefined
  } catch {
    return false
  }
}

function loadKubernetes(): typeof kubernetes {
  const file = join(checkout(), 'build', 'kubernetes.cjs')
  if (!existsSync(file))
    throw new Failure('bug', 'build/kubernetes.cjs is not built', { next: 'npm run build' })
  return createRequire(import.meta.url)(file) as typeof kubernetes
}
