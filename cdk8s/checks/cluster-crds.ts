import { pluralOf } from '../charts/manifest-file.ts'
import { Refused } from '../config/read.ts'
import type { Tree } from '../tree.ts'
import { type Crd, isCustom } from './crds.ts'
import type { Problem } from './problem.ts'

/** What the library falls back to when there is nothing to load. */
const NOWHERE = 'http://localhost:8080'

/** The definitions that the cluster of the current kubeconfig context has for the tree's kinds, and those it lacks. */
export async function crdsOfCluster({
  entries,
}: Tree): Promise<{ crds: Crd[]; problems: Problem[]; context: string }> {
  const { CustomObjectsApi, KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  try {
    config.loadFromDefault()
  } catch (error) {
    throw new Refused(`the kubeconfig can't be read: ${(error as Error).message}`)
  }
  const server = config.getCurrentCluster()?.server
  if (!server || server === NOWHERE) {
    throw new Refused(
      'no cluster is known here; expected KUBECONFIG or ~/.kube/config with a current context',
    )
  }
  const api = config.makeApiClient(CustomObjectsApi)
  const definitions = { group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' }
  const crds: Crd[] = []
  const problems: Problem[] = []
  for (const name of namesOf(entries)) {
    try {
      const found = (await api.getClusterCustomObject({ ...definitions, name })) as Partial<Crd>
      if (found.spec?.versions) crds.push(found as Crd)
      else problems.push({ where: name, what: 'is no CustomResourceDefinition, says the cluster' })
    } catch (error) {
      problems.push({ where: name, what: reason(error, server) })
    }
  }
  return { crds, problems, context: config.getCurrentContext() }
}

function namesOf(entries: Tree['entries']): string[] {
  const custom = entries.filter(({ object: { apiVersion } }) => isCustom(apiVersion))
  return [
    ...new Set(custom.map(({ object }) => `${pluralOf(object.kind)}.${object.apiVersion.split('/')[0]}`)),
  ]
}

/** What the cluster answered; when it did not, there is no use in asking on. */
function reason(error: unknown, server: string): string {
  const { code, message } = error as { code?: unknown; message: string }
  if (code === 404) return 'is not installed in the cluster'
  if (code === 401 || code === 403) {
    return 'may not be read with this kubeconfig; customresourcedefinitions: get is needed'
  }
  throw new Refused(`${server} can't be asked: ${message.split('\n')[0]}`)
}
