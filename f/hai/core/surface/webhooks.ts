import { z } from 'zod'
import { EXPECTED, REFERENCE } from '../base/config.ts'
import { PRIORITIES } from '../task/shape.ts'

const Name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, 'expected lower case letters, digits, - and _')

const Header = z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,99}$/, 'expected the name of a header')

/** Where each puts an HMAC-SHA256 of the body, in hexadecimal, and what stands before it. */
export const SCHEMES = {
  github: { header: 'X-Hub-Signature-256', prefix: 'sha256=' },
  gitea: { header: 'X-Gitea-Signature', prefix: '' },
  grafana: { header: 'X-Grafana-Alerting-Signature', prefix: '' },
} as const

/** The `webhooks` configuration: who may put work down by a signature, by the name in the address. */
export const Webhooks = z.record(
  Name,
  z.strictObject({
    /** A reference, never the secret itself. */
    secret: z.string().regex(REFERENCE, EXPECTED),
    scheme: z.enum(['github', 'gitea', 'grafana']).default('github'),
    /** In the place of the scheme's own. */
    header: Header.optional(),
    /** Where the sender says when it signed, in seconds: then `TIME:BODY` is what is signed, and no older than five minutes. */
    timestamp_header: Header.optional(),
    /** The member as whom it speaks. */
    member: Name,
    priority: z.enum(PRIORITIES).default('normal'),
  }),
)
export type Webhook = z.output<typeof Webhooks>[string]
