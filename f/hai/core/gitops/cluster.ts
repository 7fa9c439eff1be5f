import { CoreV1Api, CustomObjectsApi, KubeConfig } from '@kubernetes/client-node'
import { HaiError } from '../errors.ts'
import type { KubeObject } from './report.ts'

/** What reading one object brought. `gone` and `denied` are answers; a server that does not answer is an error. */
export type Found = { state: 'there'; object: KubeObject } | { state: 'gone' } | { state: 'denied' }

/** A cluster's API, as far as looking at single objects needs it. */
export interface Cluster {
  server: string
  read(wanted: KubeObject): Promise<Found>
}

/** What the library falls back to when there is nothing to load. */
const NOWHERE = 'http://localhost:8080'

/** The cluster of the kubeconfig, or the one that this pod is in. `unavailable` where there is neither. */
export function connectCluster(): Cluster {
  const config = new KubeConfig()
  try {
    config.loadFromDefault()
  } catch (error) {
    throw new HaiError('unavailable', `the kubeconfig can't be read: ${(error as Error).message}`, {
      cause: error,
    })
  }
  const server = config.getCurrentCluster()?.server
  if (!server || server === NOWHERE) {
    const places = 'KUBECONFIG, ~/.kube/config or a service account'
    throw new HaiError('unavailable', `no cluster is known here; expected ${places}`)
  }
  const core = config.makeApiClient(CoreV1Api)
  const custom = config.makeApiClient(CustomObjectsApi)
  return {
    server,
    async read({ apiVersion, kind, metadata: { namespace, name } }) {
      const [group, version] = apiVersion.split('/')
      const plural = `${kind.toLowerCase().replace(/y$/, 'ie')}s`
      return answered(server, async () => {
        if (kind === 'ConfigMap') return core.readNamespacedConfigMap({ namespace, name })
        if (kind === 'Service') return core.readNamespacedService({ namespace, name })
        return custom.getNamespacedCustomObject({ group: group!, version: version!, namespace, plural, name })
      })
    },
  }
}

async function answered(server: string, read: () => Promise<unknown>): Promise<Found> {
  try {
    return { state: 'there', object: (await read()) as KubeObject }
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string }
    if (code === 404) return { state: 'gone' }
    if (code === 403) return { state: 'denied' }
    if (code === 401)
      throw new HaiError('unavailable', `${server} refuses the credentials of the kubeconfig`, {
        cause: error,
      })
    const [reason] = message.split('\n')
    throw new HaiError('unavailable', `${server} can't be asked (${reason})`, { cause: error })
  }
}
