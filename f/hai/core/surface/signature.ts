import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { resolveReference } from '../base/config.ts'
import { workerEnvironment } from '../base/environment.ts'
import { HaiError } from '../base/errors.ts'
import { own } from '../base/own.ts'
import { jsonText, type RequestEvent } from './request.ts'
import { SCHEMES, type Webhook } from './webhooks.ts'

const SIGNATURE = /^[\w-]{0,20}=?[0-9a-f]{64}$/i
const TIME = /^\d{9,11}$/
const WINDOW_SECONDS = 300

/** What of a request may rest in a job beside its name: a signature that can be compared, and not shown again. */
export function signedWith(event: RequestEvent & { headers?: Record<string, unknown> }) {
  const marks = Object.entries(event.headers ?? {}).flatMap(([name, value]) => {
    if (typeof value !== 'string') return []
    const said = value.trim()
    if (TIME.test(said)) return [[name.toLowerCase(), said]]
    return SIGNATURE.test(said) ? [[name.toLowerCase(), digest(said.toLowerCase())]] : []
  })
  return { raw_string: jsonText(event), marks: Object.fromEntries(marks) as Record<string, string> }
}

/** What a preprocessor passed on. */
export interface Signed {
  name: string
  raw_string: string
  /** Of each header that is a signature the digest, of one that is a time the time. */
  marks: Record<string, string>
}

/** As long for a name that nobody has, for a secret that is not there and for a signature that is wrong. */
export function isSigned({ name, raw_string, marks }: Signed, webhook: Webhook | undefined): boolean {
  const { header, prefix } = SCHEMES[webhook?.scheme ?? 'github']
  const markOf = (of: string) => {
    const mark = own((marks ?? {}) as Record<string, unknown>, of.toLowerCase())
    return typeof mark === 'string' ? mark : ''
  }
  const body = typeof raw_string === 'string' ? raw_string : ''
  const time = webhook?.timestamp_header === undefined ? undefined : markOf(webhook.timestamp_header)
  const inTime =
    time === undefined || (TIME.test(time) && Math.abs(Date.now() / 1000 - Number(time)) <= WINDOW_SECONDS)
  const signed = time === undefined ? body : `${time}:${body}`
  const expected = prefix + createHmac('sha256', secretOf(name, webhook)).update(signed).digest('hex')
  const same = timingSafeEqual(hash(digest(expected)), hash(markOf(webhook?.header ?? header)))
  return same && inTime
}

function secretOf(name: string, webhook: Webhook | undefined): string | Buffer {
  if (!webhook) return randomBytes(32)
  try {
    return resolveReference(
      webhook.secret,
      { name: 'webhooks', field: `${name}.secret` },
      workerEnvironment().environment,
    )
  } catch (error) {
    if (!(error instanceof HaiError)) throw error
    // in the job's log, for the operator; whoever calls is told nothing of the settings
    console.error(error.message)
    return randomBytes(32)
  }
}

const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
export const digest = (text: string): string => hash(text).toString('hex')
