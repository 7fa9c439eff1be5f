import type { Pool, Sql } from '../../../f/hai/core/base/db.ts'

/** What Postgres did for one statement. */
export interface Plan {
  /** How tables were reached, in the plan's order: `by task_due`, `todo by Seq Scan`. */
  scans: string[]
  /** Shared blocks that were touched, found in memory or read. */
  buffers: number
}

interface Node {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Shared Hit Blocks': number
  'Shared Read Blocks': number
  Plans?: Node[]
}

interface Sent {
  text: string
  /** As they went over the wire: the driver puts the text that it makes of a value in its place. */
  values: (string | null)[]
}

/** Statements that have a plan, perhaps below a comment; the others begin and end transactions. */
const PLANNED = /^(?:\s|--.*)*(?:select|with|insert|update|delete)\b/

/**
 * The plans of the very statements that `work` sends, in their order: the driver tells what it sent, and the prepared
 * statements that it left in the session are executed once more under `explain`. Nothing of it is kept.
 */
export async function plansOf(sql: Pool, work: (sql: Sql) => Promise<unknown>): Promise<Plan[]> {
  const sent: Sent[] = []
  const options = sql.options as unknown as { debug: unknown }
  await undone(sql, async (tx) => {
    options.debug = (_: number, text: string, values: (string | null)[]) => {
      if (PLANNED.test(text)) sent.push({ text, values })
    }
    await work(tx)
    options.debug = false
  })
  const plans: Plan[] = []
  await undone(sql, async (tx) => {
    for (const statement of sent) plans.push(await planOf(tx, statement))
  })
  return plans
}

async function undone(sql: Pool, work: (tx: Sql) => Promise<void>): Promise<void> {
  const rollback = new Error('undone')
  await sql
    .begin(async (tx) => {
      await work(tx)
      throw rollback
    })
    .catch((error) => {
      if (error !== rollback) throw error
    })
}

async function planOf(tx: Sql, { text, values }: Sent): Promise<Plan> {
  const [prepared] = await tx<{ name: string }[]>`
    select name from pg_prepared_statements where statement = ${text} limit 1`
  if (!prepared) throw new Error(`was not prepared: ${text}`)
  const [{ literals } = { literals: '' }] = await tx<{ literals: string }[]>`
    select string_agg(quote_nullable(value), ', ' order by no) as literals
    from unnest(${values as string[]}::text[]) with ordinality as v (value, no)`
  const call = `execute "${prepared.name}"${literals ? `(${literals})` : ''}`
  const [row] = await tx.unsafe(`explain (analyze, buffers, format json) ${call}`)
  const [{ Plan: root }] = row!['QUERY PLAN'] as [{ Plan: Node }]
  return { scans: scansOf(root), buffers: root['Shared Hit Blocks'] + root['Shared Read Blocks'] }
}

function scansOf({ Plans = [], ...node }: Node): string[] {
  return [...scanOf(node), ...Plans.flatMap(scansOf)]
}

function scanOf(node: Node): string[] {
  const { 'Node Type': type, 'Relation Name': relation, 'Index Name': index } = node
  // the heap of a bitmap is reached by the index below it
  if (type === 'ModifyTable' || type === 'Bitmap Heap Scan') return []
  if (index) return [`by ${index}`]
  return relation ? [`${relation} by ${type}`] : []
}
