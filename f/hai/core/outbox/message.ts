import type { Channel } from './channels.ts'
import type { HeldNotice } from './notice.ts'

/** ntfy makes a file of a longer message. */
const NTFY_BYTES = 4096
const NTFY_PRIORITY = { low: 2, normal: 3, high: 4, urgent: 5 }
/** Which ntfy shows as an emoji. */
const NTFY_TAGS: Record<string, string> = {
  budget: 'moneybag',
  cost_report: 'bar_chart',
  escalation: 'warning',
}

/** The body to POST for a notice, in the channel's format. */
export function messageOf(notice: HeldNotice, { format, topic }: Channel): Record<string, unknown> {
  const { id, kind, title, text, priority, link, data, created_at } = notice
  if (format === 'json') return { id, kind, title, text, priority, link, created_at, ...data }
  return {
    topic,
    title,
    message: cut(text, NTFY_BYTES),
    priority: NTFY_PRIORITY[priority],
    tags: NTFY_TAGS[kind] ? [NTFY_TAGS[kind]] : [],
    ...(link ? { click: link } : {}),
  }
}

/** The text in at most so many bytes of UTF-8, cut between two letters. */
function cut(text: string, bytes: number): string {
  const encoded = new TextEncoder().encode(text)
  if (encoded.length <= bytes) return text
  const kept = new TextDecoder().decode(encoded.subarray(0, bytes - 3)).replace(/\uFFFD+$/, '')
  return `${kept}…`
}
