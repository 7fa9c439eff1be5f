import * as z from 'zod'
import { API_VERSIONS, type Kind } from './api-versions.ts'

const LABEL_VALUE = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/

export const Name = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/)
export const Labels = z.record(z.string().min(1), z.string().regex(LABEL_VALUE))
export const Port = z.int().min(1).max(65_535)
/** Gateway API's durations; Flux and External Secrets take the same words. */
export const Duration = z.string().regex(/^\d{1,5}(ms|s|m|h)$/)

const Metadata = z.strictObject({
  name: Name,
  namespace: Name,
  labels: Labels.optional(),
  annotations: z.record(z.string().min(1), z.string()).optional(),
})

/** An object of one kind with exactly the fields that we write; any other one is refused. */
export function object<K extends Kind, S extends z.ZodRawShape>(kind: K, fields: S) {
  return z.strictObject({
    apiVersion: z.literal(API_VERSIONS[kind]),
    kind: z.literal(kind),
    metadata: Metadata,
    ...fields,
  })
}
