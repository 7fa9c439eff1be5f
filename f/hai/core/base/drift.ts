import { z } from 'zod'
import type { Caller } from './caller.ts'
import type { DriftReported } from './contract.ts'
import type { Sql } from './db.ts'
import { HaiError, parse } from './errors.ts'

/** What can be compared with Git: what lies in Windmill, and what lives in the cluster. */
const KINDS = ['windmill', 'cluster'] as const

/** So many differences a report names; the rest is counted. */
const EXAMPLES = 20

const line = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}]*$/u, 'expected one line without control characters')

const Report = z
  .object({
    kind: z.enum(KINDS),
    /** Which server was looked at, as its reader knows it. */
    target: line(200),
    /** How many things were compared: a look at nothing is none. */
    compared: z.int().min(1).max(1_000_000),
    differences: z.int().min(0).max(1_000_000),
    examples: z.array(line(300)).max(EXAMPLES),
  })
  .refine(({ differences, examples }) => examples.length === Math.min(differences, EXAMPLES), {
    path: ['examples'],
    error: `expected each difference, or the first ${EXAMPLES} of them`,
  })

/**
 * Keeps what somebody found who compared with Git; the newest of each kind counts, and the same again changes nothing but
 * its time. For the operator and for machines: a member's word would be believed by whoever is woken by it.
 */
export async function reportDrift(
  sql: Sql,
  input: z.input<typeof Report>,
  caller: Pick<Caller, 'name' | 'role'>,
): Promise<DriftReported> {
  if (caller.role === 'member')
    throw new HaiError(
      'forbidden',
      `${caller.name} is a member; drift is reported by the operator or a machine`,
    )
  const { kind, target, compared, differences, examples } = parse(Report, input)
  const [row] = await sql<DriftReported[]>`
    insert into hai.drift_report as r (kind, target, compared, differences, examples, reported_by)
    values (${kind}, ${target}, ${compared}, ${differences}, ${examples}, ${caller.name})
    on conflict (kind) do update
    set target = excluded.target, compared = excluded.compared, differences = excluded.differences,
        examples = excluded.examples, reported_by = excluded.reported_by, reported_at = excluded.reported_at
    returning kind, target, compared, differences, examples, reported_by, reported_at`
  return row!
}

/** The last report of each kind. */
export async function driftReports(sql: Sql): Promise<DriftReported[]> {
  return sql<DriftReported[]>`
    select kind, target, compared, differences, examples, reported_by, reported_at
    from hai.drift_report order by kind desc`
}

/** The table behind `drift.ts`, and the view by which a server's exporter and dashboards see it. */
export const DRIFT_TABLE = `
-- what whoever compared with Git found last, of each kind
create table hai.drift_report (
  kind text primary key check (kind in ('windmill', 'cluster')),
  target text not null,
  compared int not null check (compared > 0),
  differences int not null check (differences >= 0),
  examples text[] not null,
  reported_by text not null,
  reported_at timestamptz not null default now()
);
create view hai.dashboard_drift as select kind, compared, differences, reported_at from hai.drift_report;
-- as whom a server's exporter asks: this view is all that it may read here
grant usage on schema hai to pg_monitor;
grant select on hai.dashboard_drift to pg_monitor;`
