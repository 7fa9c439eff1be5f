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

const ExtAuth = z.strictObject({
  targetRefs,
  extAuth: z.strictObject({
    failOpen: z.literal(false),
    headersToExtAuth: z.array(z.string().regex(/^[a-z-]+$/)).min(1),
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
    rateLimit: z.strictObject({
      type: z.literal('Local'),
      local: z.strictObject({
        rules: z
          .array(
            z.strictObject({
              limit: z.strictObject({
                requests: z.int().min(1),
                unit: z.enum(['Second', 'Minute', 'Hour', 'Day']),
              }),
            }),
          )
          .length(1),
      }),
    }),
  }),
})
