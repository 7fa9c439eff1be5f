import { z } from 'zod'
import { EXPECTED, REFERENCE } from '../base/config.ts'

/** An address may be a secret itself: whoever knows it may write there. */
const Url = z.union([z.url({ protocol: /^https?$/ }), z.string().regex(REFERENCE)], {
  error:
    'expected an http or https URL, or $env:NAME, where NAME holds one in the environment of the workers',
})

const Channel = z
  .strictObject({
    kind: z.literal('webhook'),
    /** Where each notice is POSTed; for ntfy the server's own address, without the topic. */
    url: Url,
    /** `json` is hai's own; `ntfy` is what ntfy publishes. */
    format: z.enum(['json', 'ntfy']).default('json'),
    topic: z
      .string()
      .regex(/^[\w-]{1,64}$/, 'expected the name of an ntfy topic: letters, digits, - and _')
      .optional(),
    /** Sent as a bearer token. A reference, never the token itself. */
    token: z.string().regex(REFERENCE, EXPECTED).optional(),
    /** Only notices of these kinds; all when not given. */
    notices: z.array(z.string().min(1)).min(1).optional(),
    enabled: z.boolean().default(true),
  })
  .refine(({ format, topic }) => (format === 'ntfy') === (topic !== undefined), {
    path: ['topic'],
    error: 'expected a topic with format: ntfy, and none without',
  })
export type Channel = z.output<typeof Channel>

/** The `channels` configuration: where notices go, by a name of the operator's. */
export const Channels = z.record(
  z.string().regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, 'expected lower case letters, digits, - and _'),
  Channel,
)
export type Channels = z.output<typeof Channels>
