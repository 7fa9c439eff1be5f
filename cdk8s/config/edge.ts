import * as z from 'zod'
import { Cidr, Duration, HostName, ImageRef, Name, Port } from './values.ts'
import { PodTarget } from './windmill.ts'

/** Groups of Authelia's; whoever is in one of them may enter. */
const Groups = z
  .array(z.string().regex(/^[^,\s]+$/, 'expected a group’s name, without commas and spaces'))
  .min(1)
  .refine(unique, 'the same group stands twice')
  .default(['lldap_admin'])

/** A proxy of hai's own that sends browsers to Authelia's OpenID Connect. */
const OAuth2Proxy = z.strictObject({
  kind: z.literal('oauth2-proxy'),
  image: ImageRef.default(
    'quay.io/oauth2-proxy/oauth2-proxy:v7.15.5@sha256:8498b0d0ef0a7b29686414000a08aee467f02d0299c9ed1e006a8f33fc017916',
  ),
  replicas: z.int().min(1).default(1),
  client_id: z
    .string()
    .regex(/^[\w.~-]{1,100}$/, 'expected a client id of letters, digits, - . _ ~')
    .default('hai'),
  /** The host of the OpenID Connect issuer; `auth.<domain>` when not given. */
  issuer_host: HostName.optional(),
  /** Where that host leads from within the cluster: back to hai's gateway, out to the internet, or to pods of another one. */
  issuer: z
    .union([z.enum(['gateway', 'internet']), PodTarget], {
      error: 'expected gateway, internet, or pods as {namespace, pods, port}',
    })
    .default('gateway'),
  allowed_groups: Groups,
  /** After so long Authelia is asked again who may enter: whoever lost the group stays no longer. */
  session: Duration.default('1h'),
  /** The networks of Envoy's pods: only from there are forwarded addresses believed. */
  trusted_proxies: z
    .array(Cidr)
    .min(1)
    .refine(unique, 'the same network stands twice')
    .default(['10.42.0.0/16']),
  secret_item: z.string().min(1).default('hai-oauth2-proxy'),
})

/** Envoy asks Authelia itself: no pod, no client, no cookie secret. */
const EnvoyExtAuth = z.strictObject({
  kind: z.literal('envoy-extauth'),
  /** For the rule that is merged into Authelia's access control. */
  allowed_groups: Groups,
  policy: z.enum(['one_factor', 'two_factor']).default('two_factor'),
  namespace: Name.default('auth'),
  service: Name.default('authelia'),
  port: Port.default(9091),
  path: z
    .string()
    .regex(/^(\/[\w.-]+)+\/$/, 'expected a path like /api/authz/ext-authz/')
    .default('/api/authz/ext-authz/'),
})

/** Who stands between a browser and Windmill. */
export const Edge = z.discriminatedUnion('kind', [OAuth2Proxy, EnvoyExtAuth])
export type Edge = z.output<typeof Edge>
export type OAuth2Proxy = z.output<typeof OAuth2Proxy>
export type EnvoyExtAuth = z.output<typeof EnvoyExtAuth>

function unique(values: string[]): boolean {
  return new Set(values).size === values.length
}
