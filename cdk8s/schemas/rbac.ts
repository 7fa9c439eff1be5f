import * as z from 'zod'
import { Name, object } from './object.ts'

export const Role = object('Role', {
  rules: z
    .array(
      z.strictObject({
        apiGroups: z.array(z.string()).length(1),
        resources: z.array(z.string().regex(/^[a-z]+$/)).length(1),
        resourceNames: z.array(Name).min(1),
        verbs: z.tuple([z.literal('get')]),
      }),
    )
    .min(1),
})

export const RoleBinding = object('RoleBinding', {
  roleRef: z.strictObject({
    apiGroup: z.literal('rbac.authorization.k8s.io'),
    kind: z.literal('Role'),
    name: Name,
  }),
  subjects: z
    .array(z.strictObject({ kind: z.literal('ServiceAccount'), name: Name, namespace: Name }))
    .length(1),
})
