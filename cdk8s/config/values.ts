import { isIPv4, isIPv6 } from 'node:net'
import * as z from 'zod'

/** What Flux fills in: the one thing about the operator's domain that a committed file may know. */
export const ONE_PLACEHOLDER = `\${SECRET_DOMAIN}`

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/** A Kubernetes name: a DNS label. */
export const Name = z.string().regex(LABEL, 'expected a name of a-z, 0-9 and -, like windmill-app')

/** A Kubernetes name that may have dots: a DNS subdomain. */
export const Subdomain = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
    'expected a name of a-z, 0-9, - and ., like fast.storage',
  )

export const Host = z.string().regex(LABEL, 'expected one label of a host name, like hai')

export const Domain = z
  .string()
  .regex(
    /^(\$\{[A-Z][A-Z0-9_]*\}|([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,})$/,
    `expected a domain like example.com, or one variable like ${ONE_PLACEHOLDER}`,
  )

/** A host name that may end in the placeholder. */
export const HostName = z
  .string()
  .regex(
    /^([a-z0-9-]+\.)+(\$\{[A-Z][A-Z0-9_]*\}|[a-z]{2,})$/,
    `expected a host name like auth.example.com or auth.${ONE_PLACEHOLDER}`,
  )

export const Port = z.int().min(1).max(65_535)

/** Seconds, minutes or hours, as Gateway API, Flux and External Secrets all read it. */
export const Duration = z.string().regex(/^[1-9]\d{0,4}[smh]$/, 'expected a duration like 30s, 5m or 1h')

/** An address of a service, with a variable of Flux's where its domain is not to be known. */
export const Endpoint = z
  .string()
  .regex(
    /^https?:\/\/([a-z0-9-]+\.)*(\$\{[A-Z][A-Z0-9_]*\}|[a-z0-9-]+)(:[1-9]\d{0,4})?\/?$/,
    'expected an address like https://s3.example.com or http://minio.storage.svc:9000',
  )

export const Quantity = z.string().regex(/^[1-9]\d*(Mi|Gi|Ti)$/, 'expected a size like 5Gi')

/** A network as oauth2-proxy reads it: with its length, and with nothing set beyond that; the proxy doesn't start on another. */
export const Cidr = z
  .string()
  .refine(isNetwork, 'expected a network like 10.244.0.0/16, every bit beyond its length zero')

function isNetwork(text: string): boolean {
  const [address = '', length = '', ...more] = text.split('/')
  const bits = bitsOf(address)
  if (!bits || more.length > 0 || !/^[1-9]\d{0,2}$/.test(length)) return false
  return Number(length) <= bits.length && !bits.slice(Number(length)).includes('1')
}

/** An address bit by bit; undefined when it is none. */
function bitsOf(address: string): string | undefined {
  if (isIPv4(address))
    return address
      .split('.')
      .map((byte) => binary(Number(byte), 8))
      .join('')
  // neither with a zone nor with the end written as IPv4
  if (!isIPv6(address) || /[.%]/.test(address)) return undefined
  const [head = [], tail = []] = address.split('::').map((half) => half.split(':').filter(Boolean))
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
  return groups.map((group) => binary(Number.parseInt(group, 16), 16)).join('')
}

const binary = (value: number, width: number): string => value.toString(2).padStart(width, '0')

/** The name of a label or an annotation. */
export const QUALIFIED =
  /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/

const LABEL_VALUE = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/

/** Labels of Kubernetes' objects. */
export const Labels = z.record(
  z.string().regex(QUALIFIED, 'expected a label’s name, like app.kubernetes.io/name'),
  z.string().regex(LABEL_VALUE, 'expected a label’s value: at most 63 letters, digits, - _ .'),
)

/** Labels that select pods: without one, all of a namespace would be meant. */
export const PodLabels = Labels.refine(
  (labels) => Object.keys(labels).length > 0,
  'expected at least one label, like app: ollama',
)

/** Labels that hai's own alerts have already, and what Prometheus takes as a label's name. */
export const AlertLabels = z.record(
  z
    .string()
    .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'expected the name of a Prometheus label, like team')
    .refine(
      (name) => name !== 'severity' && name !== 'alertname',
      'expected another name: each alert says that itself',
    ),
  z.string().min(1),
)

/** Labels as Kubernetes takes them. */
export const ObjectLabels = z.record(
  z
    .string()
    .regex(QUALIFIED, 'expected the name of a label, like release')
    .refine(
      (name) => name !== 'app.kubernetes.io/part-of',
      'expected another name: each object says that itself',
    ),
  z.string().regex(LABEL_VALUE, 'expected a label’s value: at most 63 letters, digits, - . _'),
)

/** An image that can't change under its name. A digest is looked up, never made up. */
export const ImageRef = z
  .string()
  .regex(
    /^[a-z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)+(:[\w.-]+)?@sha256:[0-9a-f]{64}$/,
    'expected registry/name:tag@sha256:… with the digest of 64 hex digits',
  )
