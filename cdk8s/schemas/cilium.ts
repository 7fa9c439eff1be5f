import * as z from 'zod'
import { Labels, object } from './object.ts'

const Selector = z.strictObject({ matchLabels: Labels.refine((labels) => Object.keys(labels).length > 0) })
const Ports = z
  .array(
    z.strictObject({
      ports: z
        .array(z.strictObject({ port: z.string().regex(/^[1-9]\d{0,4}$/), protocol: z.enum(['TCP', 'UDP']) }))
        .min(1),
      rules: z
        .strictObject({ dns: z.array(z.strictObject({ matchPattern: z.literal('*') })).length(1) })
        .optional(),
    }),
  )
  .min(1)

const Ingress = z.union([
  z.strictObject({ fromEndpoints: z.array(Selector).min(1), toPorts: Ports }),
  z.strictObject({ fromEntities: z.array(z.enum(['host', 'remote-node'])).min(1), toPorts: Ports }),
])

const Egress = z.union([
  z.strictObject({ toEndpoints: z.array(Selector).min(1), toPorts: Ports }),
  z.strictObject({ toEntities: z.array(z.enum(['world', 'kube-apiserver'])).min(1), toPorts: Ports }),
])

/** Always with ports, and never without a rule: Cilium refuses an empty one that Git and kustomize let pass. */
export const CiliumNetworkPolicy = object('CiliumNetworkPolicy', {
  spec: z
    .strictObject({
      endpointSelector: Selector,
      enableDefaultDeny: z.strictObject({ ingress: z.boolean(), egress: z.boolean() }),
      ingress: z.array(Ingress).min(1).optional(),
      egress: z.array(Egress).min(1).optional(),
    })
    .refine(({ ingress, egress }) => ingress || egress, 'a policy without a rule is refused by Cilium'),
})
