import * as z from 'zod'
import { Duration, Name, object, Port } from './object.ts'

const HEADER = z.string().regex(/^[A-Za-z0-9-]+$/)

const Filter = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('RequestHeaderModifier'),
    requestHeaderModifier: z.strictObject({ remove: z.array(HEADER).min(1).max(16) }),
  }),
  z.strictObject({
    type: z.literal('URLRewrite'),
    urlRewrite: z.strictObject({
      path: z.discriminatedUnion('type', [
        z.strictObject({ type: z.literal('ReplaceFullPath'), replaceFullPath: z.string().startsWith('/') }),
        z.strictObject({
          type: z.literal('ReplacePrefixMatch'),
          replacePrefixMatch: z.string().startsWith('/'),
        }),
      ]),
    }),
  }),
  z.strictObject({
    type: z.literal('RequestRedirect'),
    requestRedirect: z.strictObject({
      path: z.strictObject({
        type: z.literal('ReplaceFullPath'),
        replaceFullPath: z.string().startsWith('/'),
      }),
      statusCode: z.literal(302),
    }),
  }),
  z.strictObject({
    type: z.literal('ExtensionRef'),
    extensionRef: z.strictObject({
      group: z.literal('gateway.envoyproxy.io'),
      kind: z.literal('HTTPRouteFilter'),
      name: Name,
    }),
  }),
])

const Header = z.strictObject({
  type: z.literal('RegularExpression'),
  name: z.literal('Authorization'),
  value: z.string().min(1).max(4096),
})

const Match = z.strictObject({
  path: z.strictObject({
    type: z.enum(['Exact', 'PathPrefix']),
    // the API server refuses dots and double slashes too
    value: z.string().regex(/^\/$|^(\/[\w-]+)+$/),
  }),
  method: z.enum(['GET', 'POST']).optional(),
  headers: z.array(Header).length(1).optional(),
})

/** With the rules that the API server has as expressions, which no JSON schema carries. */
const Rule = z
  .strictObject({
    matches: z.array(Match).min(1).max(64),
    filters: z.array(Filter).max(16),
    backendRefs: z
      .array(z.strictObject({ name: Name, namespace: Name.optional(), port: Port }))
      .length(1)
      .optional(),
    timeouts: z.strictObject({ request: Duration }).optional(),
  })
  .refine(
    ({ filters, backendRefs, timeouts }) =>
      filters.some(answers) === (backendRefs === undefined) &&
      (backendRefs === undefined) === (timeouts === undefined),
    'expected a backend with a timeout, or a filter that answers by itself',
  )
  .refine(
    ({ filters }) => new Set(filters.map(({ type }) => type)).size === filters.length,
    'a filter of one type may stand only once',
  )
  .refine(
    ({ filters, matches }) =>
      !filters.some(replacesPrefix) || (matches.length === 1 && isPrefix(matches[0]!)),
    'replacePrefixMatch needs exactly one match, of a PathPrefix',
  )

const replacesPrefix = (filter: z.output<typeof Filter>) =>
  filter.type === 'URLRewrite' && filter.urlRewrite.path.type === 'ReplacePrefixMatch'
const answers = ({ type }: z.output<typeof Filter>) => type === 'RequestRedirect' || type === 'ExtensionRef'
const isPrefix = ({ path }: z.output<typeof Match>) => path.type === 'PathPrefix'

const parentRefs = z
  .array(z.strictObject({ name: Name, namespace: Name, sectionName: Name }))
  .min(1)
  .max(32)
  .refine(
    (parents) => new Set(parents.map((parent) => Object.values(parent).join('/'))).size === parents.length,
    'the same listener stands twice',
  )

export const HTTPRoute = object('HTTPRoute', {
  spec: z.strictObject({
    parentRefs,
    hostnames: z.array(z.string().min(1)).length(1),
    rules: z.array(Rule).min(1).max(16),
  }),
})

export const ReferenceGrant = object('ReferenceGrant', {
  spec: z.strictObject({
    from: z
      .array(
        z.discriminatedUnion('kind', [
          z.strictObject({
            group: z.literal('gateway.envoyproxy.io'),
            kind: z.literal('SecurityPolicy'),
            namespace: Name,
          }),
          z.strictObject({
            group: z.literal('gateway.networking.k8s.io'),
            kind: z.literal('HTTPRoute'),
            namespace: Name,
          }),
        ]),
      )
      .min(1),
    to: z.array(z.strictObject({ group: z.literal(''), kind: z.literal('Service'), name: Name })).min(1),
  }),
})
