import { z } from 'zod'
import type { Delivered } from '../alert/deliver.ts'
import { takeFinding } from '../alert/finding.ts'
import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import { parse } from '../base/errors.ts'
import { record } from '../base/own.ts'
import { storable } from '../base/text.ts'
import { wake } from '../task/wake.ts'
import { accepted, type Shaped } from './request.ts'

const MOST = 256 * 1024
const text = z.string().max(MOST, `expected at most ${MOST} characters`).transform(storable)

/**
 * HolmesGPT sends nothing by itself: whoever asks its `/api/investigate` or `/api/chat` sends on what it answered, with
 * the fields of the question beside it. https://holmesgpt.dev/reference/http-api/
 */
const Investigation = z.looseObject({
  analysis: text.refine((said) => said.trim() !== '', 'expected what was found, got none'),
  title: text.optional(),
  ask: text.optional(),
  description: text.default(''),
  subject: record(z.unknown()).default({}),
  /** Alertmanager's, of the alert that it was asked about. */
  fingerprint: z
    .string()
    .regex(/^[\w-]{1,100}$/, 'expected what Alertmanager calls the alert')
    .optional(),
})

/** What HolmesGPT found: 202 once it is committed. It needs no model of hai's. */
export async function receiveInvestigation(
  sql: Sql,
  body: unknown,
  caller: Caller,
): Promise<Shaped<Delivered>> {
  const { analysis, title, ask = '', description, subject, fingerprint } = parse(Investigation, body)
  const asked = [
    ask,
    description,
    ...Object.entries(subject).map(([name, value]) => `${name}: ${wordOf(value)}`),
  ]
  const about = storable(asked.filter(Boolean).join('\n')) || '(nothing was said)'
  const finding = { source: 'holmesgpt', title: title ?? ask, analysis, about, fingerprint }
  const delivered = await takeFinding(sql, finding, caller)
  await wake(sql)
  return accepted(delivered)
}

const wordOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
