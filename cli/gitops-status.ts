import type { ClusterStatus, ObjectStatus } from '../f/hai/core/gitops/report.ts'
import type { Finding } from './finding.ts'
import { hostFindings } from './gitops-host.ts'
import { generatedObjects, ownManifests } from './gitops-manifests.ts'
import type { Session } from './session.ts'

/** What is live, beside the generated manifests of a folder; a job looks, since only there is a way to the cluster. */
export async function clusterStatus(session: Session, folder = ownManifests()): Promise<ClusterStatus> {
  const objects = generatedObjects(folder)
  const webhook = await session.webhook()
  return webhook.run<ClusterStatus>('gitops/status', { objects })
}

/** The same as findings, one per object and field that differs, and the host as it looks from here. */
export async function clusterFindings(session: Session, folder?: string): Promise<Finding[]> {
  const status = await clusterStatus(session, folder)
  const hosts = await Promise.all(status.hosts.map((host) => hostFindings(host)))
  return [
    { what: 'cluster', verdict: 'good', text: status.server },
    ...statusFindings(status),
    ...hosts.flat(),
  ]
}

/** One finding per object, and one per field that differs or object that is left over. */
export function statusFindings({ objects, leftovers }: ClusterStatus): Finding[] {
  return [
    ...objects.flatMap((object) => [
      objectFinding(object),
      ...object.drift.map((drift) => driftFinding(object, drift)),
    ]),
    ...leftovers.map(
      (what): Finding => ({ what, verdict: 'unsure', text: 'is held by Flux and not generated any more' }),
    ),
  ]
}

const nameOf = ({ kind, namespace, name }: ObjectStatus) => `${kind} ${namespace}/${name}`

function objectFinding(object: ObjectStatus): Finding {
  const { verdict, text, fix } = object
  return { what: nameOf(object), verdict, text, ...(fix ? { fix } : {}) }
}

function driftFinding(
  object: ObjectStatus,
  { path, generated, live }: ObjectStatus['drift'][number],
): Finding {
  return { what: nameOf(object), verdict: 'unsure', text: `${path} is ${live}, generated ${generated}` }
}
