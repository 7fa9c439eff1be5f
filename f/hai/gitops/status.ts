import { door } from '../core/door.ts'
import { connectCluster } from '../core/gitops/cluster.ts'
import { clusterStatus } from '../core/gitops/status.ts'

/** How generated manifests live in the cluster: each object's state, the fields that differ, what is left over. */
export async function main(objects: object[]) {
  return door({ objects }, (_sql, given, caller) => clusterStatus(connectCluster(), given, caller))
}
