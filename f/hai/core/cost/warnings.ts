import type { Sql } from '../base/db.ts'
import { limitOf } from './counters.ts'

/** Part of a statement that has the changed counters in `counted`: a notice for the highest share that one has reached. */
export const warnings = (sql: Sql) => sql`
  insert into hai.notice (kind, dedup_key, title, text, priority)
  select 'budget', 'budget:' || cap || ':' || key || ':' || period || ':' || trim_scale(cap_limit) || ':' || share,
    'cap ' || cap || case key when '' then '' else ' of ' || key end || case share
      when 100 then ' is reached' else ' is at ' || share || ' %' end,
    '$' || round(used, 2) || ' of $' || round(cap_limit, 2) || ' used' || case
      when used > cap_limit then ', $' || round(used - cap_limit, 2) || ' more than it allows' else '' end,
    case share when 100 then 'high' when 50 then 'low' else 'normal' end
  from (
    select cap, key, period, spent + presumed as used, ${limitOf(sql, sql`counted.cap`)} as cap_limit from counted
  ) counters
  cross join lateral (
    select max(share) as share from unnest(array[50, 80, 100]) share where used >= cap_limit * share / 100
  ) reached
  where share is not null and cap_limit > 0
  order by 2
  on conflict (dedup_key) do nothing`
