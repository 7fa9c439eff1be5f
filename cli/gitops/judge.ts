import type { Finding } from '../show/finding.ts'

/** An object as it was generated, or as it lives. */
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  [field: string]: unknown
}

/** A field that we set and that has another value in the cluster; values are JSON, shortened. */
export interface Drift {
  path: string
  generated: string
  live: string
}

/** How one object is in the cluster. `unsure`: it may not be read, or has not said yet how it is. */
export interface ObjectStatus {
  kind: string
  namespace: string
  name: string
  state: 'there' | 'gone' | 'denied' | 'unknown'
  verdict: 'good' | 'bad' | 'unsure'
  text: string
  fix?: string
  drift: Drift[]
}

/** What is live, beside what was generated: `hai gitops status --json`. */
export interface ClusterStatus {
  server: string
  context: string
  objects: ObjectStatus[]
  /** Objects that Flux holds for hai and that are not generated any more. */
  leftovers: string[]
  /** The host names under which hai's routes live, as they look from here. */
  hosts: Finding[]
}

type Judgement = Pick<ObjectStatus, 'verdict' | 'text'>

interface Condition {
  type: string
  status: string
  reason?: string
  message?: string
}

interface Parent {
  parentRef?: { name: string }
  ancestorRef?: { name: string }
  conditions?: Condition[]
}

interface Status {
  conditions?: Condition[]
  parents?: Parent[]
  ancestors?: Parent[]
  lastAppliedRevision?: string
  availableReplicas?: number
  lastScheduleTime?: string
  lastSuccessfulTime?: string
  applied?: boolean
  message?: string
}

/** A run of the watchdog may take two minutes. */
const RUN_MS = 150_000

/** What an object says of itself. */
export function judge(object: KubeObject): Judgement {
  const status = (object.status ?? {}) as Status
  const judges: Record<string, () => Judgement> = {
    Kustomization: () => withDetail(condition(status, 'Ready'), status.lastAppliedRevision),
    ExternalSecret: () => condition(status, 'Ready'),
    Cluster: () => condition(status, 'Ready'),
    CiliumNetworkPolicy: () => (status.conditions ? condition(status, 'Valid') : good('there')),
    HTTPRoute: () => parents(status.parents, ['Accepted', 'ResolvedRefs']),
    SecurityPolicy: () => parents(status.ancestors, ['Accepted']),
    BackendTrafficPolicy: () => parents(status.ancestors, ['Accepted']),
    Deployment: () => deployment(object, status),
    CronJob: () => cronJob(object, status),
    Database: () => database(status),
  }
  return judges[object.kind]?.() ?? good('there')
}

const good = (text: string): Judgement => ({ verdict: 'good', text })
const bad = (text: string): Judgement => ({ verdict: 'bad', text })
const unsure = (text: string): Judgement => ({ verdict: 'unsure', text })

function withDetail(judgement: Judgement, detail: string | undefined): Judgement {
  return detail ? { ...judgement, text: `${judgement.text}, ${detail}` } : judgement
}

function condition({ conditions }: Status, type: string): Judgement {
  const found = conditions?.find((one) => one.type === type)
  if (!found) return unsure(`has not said whether it is ${type}`)
  if (found.status === 'True') return good(type === 'Ready' ? 'ready' : type.toLowerCase())
  const text = found.message ?? found.reason ?? `not ${type}`
  return found.status === 'False' ? bad(text) : unsure(text)
}

/** Each gateway that the route hangs on has its own opinion. */
function parents(all: Parent[] | undefined, types: string[]): Judgement {
  if (!all?.length)
    return bad('no gateway has taken it; is it there, and does it take routes from this namespace?')
  const opinions = all.flatMap(({ conditions, parentRef, ancestorRef }) =>
    types.map((type) => ({
      ...condition({ conditions: conditions ?? [] }, type),
      by: (parentRef ?? ancestorRef)?.name,
    })),
  )
  const worst =
    opinions.find(({ verdict }) => verdict === 'bad') ?? opinions.find(({ verdict }) => verdict === 'unsure')
  if (worst) return { verdict: worst.verdict, text: `${worst.by ?? 'a gateway'}: ${worst.text}` }
  return good('accepted')
}

function deployment({ spec }: KubeObject, { availableReplicas = 0, conditions }: Status): Judgement {
  const wanted = (spec as { replicas?: number }).replicas ?? 1
  const text = `${availableReplicas} of ${wanted} pods available`
  if (availableReplicas >= wanted) return good(text)
  const why = conditions?.find(({ type, status }) => type === 'Available' && status === 'False')?.message
  return bad(why ? `${text}: ${why}` : text)
}

function cronJob({ spec }: KubeObject, { lastScheduleTime, lastSuccessfulTime }: Status): Judgement {
  if ((spec as { suspend?: boolean }).suspend) return bad('suspended')
  if (!lastScheduleTime) return unsure('has not run yet')
  if (!lastSuccessfulTime) return bad('has never succeeded')
  const behind = Date.parse(lastScheduleTime) - Date.parse(lastSuccessfulTime)
  const text = `last succeeded ${lastSuccessfulTime}`
  return behind > RUN_MS ? bad(`${text}, and was run at ${lastScheduleTime}`) : good(text)
}

function database({ applied, message }: Status): Judgement {
  if (applied === undefined) return unsure('has not been applied yet')
  return applied ? good('applied') : bad(message ?? 'not applied')
}
