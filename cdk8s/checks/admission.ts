import type { KubeObject } from '../charts/manifest-file.ts'
import type { HttpRouteMatch, HttpRouteRule, HttpRouteSpec } from '../imports/gateway.networking.k8s.io.ts'
import type { Tree } from '../tree.ts'
import { type Problem, shown } from './problem.ts'

/** What a cluster refuses although it fits the types: rules that admission has as code, and no schema. */
export const admission = ({ entries }: Tree): Problem[] =>
  entries.flatMap(({ object }) =>
    (RULES[object.kind]?.(object) ?? []).map((what) => ({ where: shown(object), what })),
  )

const RULES: Record<string, (object: KubeObject) => string[]> = {
  HTTPRoute: ({ spec }) => routeFaults(spec as HttpRouteSpec),
  CiliumNetworkPolicy: ({ spec }) =>
    'ingress' in (spec as object) || 'egress' in (spec as object)
      ? []
      : ['spec: a policy without a rule is refused by Cilium'],
  Deployment: ({ spec }) => podFaults((spec as Templated).template, 'spec.template.spec'),
  CronJob: ({ spec }) =>
    podFaults(
      (spec as { jobTemplate: { spec: Templated } }).jobTemplate.spec.template,
      'spec.jobTemplate.spec.template.spec',
    ),
}

/** The expressions of Gateway API's definitions. */
function routeFaults({ parentRefs, rules }: HttpRouteSpec): string[] {
  const parents = parentRefs.map((parent) => Object.values(parent).join('/'))
  return [
    ...(new Set(parents).size === parents.length ? [] : ['spec.parentRefs: the same listener stands twice']),
    ...rules.flatMap((rule, index) => ruleFaults(rule).map((fault) => `spec.rules.${index}: ${fault}`)),
  ]
}

function ruleFaults({ matches, filters, backendRefs, timeouts }: HttpRouteRule): string[] {
  const types = filters.map(({ type }) => type)
  const answers = types.includes('RequestRedirect') || types.includes('ExtensionRef')
  const replacesPrefix = filters.some(
    (filter) => filter.type === 'URLRewrite' && filter.urlRewrite.path.type === 'ReplacePrefixMatch',
  )
  return [
    ...(answers === (backendRefs === undefined) && answers === (timeouts === undefined)
      ? []
      : ['expected a backend with a timeout, or a filter that answers by itself']),
    ...(new Set(types).size === types.length ? [] : ['a filter of one type may stand only once']),
    ...(replacesPrefix && !(matches.length === 1 && isPrefix(matches[0]!))
      ? ['replacePrefixMatch needs exactly one match, of a PathPrefix']
      : []),
  ]
}

const isPrefix = ({ path }: HttpRouteMatch) => path.type === 'PathPrefix'

interface Templated {
  template: { spec: PodSpec }
}

interface PodSpec {
  automountServiceAccountToken?: boolean
  securityContext?: { runAsNonRoot?: boolean; runAsUser?: number; seccompProfile?: { type: string } }
  containers: {
    image?: string
    securityContext?: {
      allowPrivilegeEscalation?: boolean
      readOnlyRootFilesystem?: boolean
      capabilities?: { drop?: string[] }
    }
  }[]
}

/** The restricted security standard, and more: no token for the API server, a disk that is only read, an image that can't change. */
function podFaults({ spec }: Templated['template'], at: string): string[] {
  const { runAsNonRoot, runAsUser, seccompProfile } = spec.securityContext ?? {}
  const wanted: [string, boolean][] = [
    ['automountServiceAccountToken', spec.automountServiceAccountToken === false],
    ['securityContext.runAsNonRoot', runAsNonRoot === true && runAsUser !== 0],
    ['securityContext.seccompProfile', seccompProfile?.type === 'RuntimeDefault'],
    ...spec.containers.flatMap(({ image, securityContext: own = {} }, index): [string, boolean][] => {
      const container = `containers.${index}`
      return [
        [`${container}.image`, /@sha256:[0-9a-f]{64}$/.test(image ?? '')],
        [`${container}.securityContext.allowPrivilegeEscalation`, own.allowPrivilegeEscalation === false],
        [`${container}.securityContext.readOnlyRootFilesystem`, own.readOnlyRootFilesystem === true],
        [`${container}.securityContext.capabilities`, own.capabilities?.drop?.join() === 'ALL'],
      ]
    }),
  ]
  return wanted
    .filter(([, kept]) => !kept)
    .map(([path]) => `${at}.${path}: expected as a restricted pod has it`)
}
