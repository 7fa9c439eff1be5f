import { type Row, series, stat, table } from './panel.ts'

/** What it costs. A call whose price is not known is counted as such, never as nothing. */
export const moneyRow = (): Row => ({
  title: 'Money',
  panels: [
    stat({
      title: 'Spent in 24 hours',
      unit: 'currencyUSD',
      sql: `select coalesce(sum(usd), 0) as usd from hai.dashboard_usage where at > now() - interval '1 day'`,
    }),
    stat({
      title: 'Calls of unknown price in 24 hours',
      sql: `
select count(*) as calls from hai.dashboard_usage
where at > now() - interval '1 day' and billing = 'metered' and state = 'settled' and usd is null`,
      thresholds: { orange: 1, red: 10 },
    }),
    stat({
      title: 'Refused by a cap in 24 hours',
      sql: `select count(*) as calls from hai.dashboard_cap_refusal where at > now() - interval '1 day'`,
      thresholds: { orange: 1, red: 10 },
    }),
    table({
      title: 'Caps',
      description: 'What each cap has counted, the newest period first; held is reserved by calls that run.',
      sql: `
select cap, key, period, spent, held, cap_usd
from hai.dashboard_cap order by period desc, spent desc limit 30`,
    }),
    series({
      title: 'Spent by backend',
      unit: 'currencyUSD',
      sql: `
select $__timeGroup(at, $__interval) as time, backend as metric, sum(usd) as usd
from hai.dashboard_usage where $__timeFilter(at) and usd is not null
group by 1, 2 order by 1`,
    }),
    table({
      title: 'By model',
      sql: `
select backend, model, billing, count(*) as calls, sum(input) as input, sum(output) as output,
  sum(cache_read) as cache_read, sum(usd) as usd, percentile_cont(0.5) within group (order by ms)::int as p50_ms
from hai.dashboard_usage where $__timeFilter(at)
group by backend, model, billing order by calls desc`,
    }),
  ],
})
