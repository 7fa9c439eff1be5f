import * as z from 'zod'
import { Name, object, Port } from './object.ts'

const targetRefs = z
  .array(
    z.strictObject({
      group: z.literal('gateway.networking.k8s.io'),
      kind: z.literal('HTTPRoute'),
      name: Name,
    }),
  )
  .min(1)
  .max(16)

/** Without it a policy replaces that of the Gateway, whole. */
const mergeType = z.literal('StrategicMerge')

const ExtAuth = z.strictObject({
  targetRefs,
  mergeType: mergeType.optional(),
  extAuth: z.strictObject({
    failOpen: z.literal(false),
    headersToExtAuth: z.array(z.enum(['accept', 'cookie', 'x-forwarded-proto'])).min(1),
    http: z.strictObject({
      backendRefs: z.array(z.strictObject({ name: Name, namespace: Name, port: Port })).length(1),
      path: z.string().regex(/^\/.*\/$/),
    }),
  }),
})

const Open = z.strictObject({
  targetRefs,
  authorization: z.strictObject({ defaultAction: z.literal('Allow') }),
})

/** One that asks somebody, or one that says aloud that nobody is asked here. */
export const SecurityPolicy = object('SecurityPolicy', {
  spec: z.union([ExtAuth, Open]),
})

export const BackendTrafficPolicy = object('BackendTrafficPolicy', {
  spec: z.strictObject({
    targetRefs,
    mergeType,
    retry: z.strictObject({ numRetries: z.literal(0) }),
  }),
})

/** An answer that no backend gives. Envoy puts in its own for what stands between two `%`. */
export const HTTPRouteFilter = object('HTTPRouteFilter', {
  spec: z.strictObject({
    directResponse: z.strictObject({
      statusCode: z.int().min(200).max(599),
      contentType: z.literal('application/json'),
      body: z.strictObject({ type: z.literal('Inline'), inline: z.string().regex(/^[^%]{1,4096}$/) }),
    }),
  }),
})
