import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { aTree, objectIn } from '../cdk8s/configurations.ts'

/** Series as promtool reads them: a name with labels, and its values at each minute. */
type Series = Record<string, string>

const folder = mkdtempSync(join(tmpdir(), 'hai-alerts-'))
afterAll(() => rmSync(folder, { recursive: true }))

const HOUR = 60
const ever = (value: number | string, minutes = 12 * HOUR) => `${value}x${minutes}`
/** Seconds since 1970, as Prometheus' own clock in these tests has them. */
const now = (minutes = 12 * HOUR) => `0+60x${minutes}`
const cron = (metric: string, more = '') =>
  `kube_cronjob_${metric}{namespace="home",cronjob="hai-watchdog"${more}}`
const proxy = (more = '') =>
  `kube_deployment_status_replicas_available{namespace="home",deployment="hai-oauth2-proxy"${more}}`
const BACKUP = 'barman_cloud_cloudnative_pg_io_last_available_backup_timestamp'
const backup = (pod: string, namespace = 'databases') => `${BACKUP}{namespace="${namespace}",pod="${pod}"}`
const notSynced = (namespace: string, name: string, more = '') =>
  `externalsecret_status_condition{namespace="${namespace}",name="${name}",condition="Ready",status="False"${more}}`

/** All is well, and has been from the beginning. */
const WELL: Series = {
  [cron('created')]: ever(0),
  [cron('spec_suspend')]: ever(0),
  [cron('status_last_successful_time')]: now(),
  [proxy()]: ever(1),
  [backup('hai-1')]: now(),
  [notSynced('home', 'hai-oauth2-proxy')]: ever(0),
}

/** Holds that after so many minutes exactly these alerts fire, as Prometheus' own program evaluates the rules. */
function expectFiring(minutes: number, series: Series, alerts: string[], config: object = {}): void {
  const tree = aTree(config)
  const groups = ['hai', 'hai-watchdog'].flatMap(
    (name) => (objectIn(tree, 'PrometheusRule', name).spec as { groups: object[] }).groups,
  )
  const exp_samples = alerts.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 }))
  const expr = 'group by (alertname) (ALERTS{alertstate="firing"})'
  const test = {
    interval: '1m',
    input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })),
    promql_expr_test: [{ expr, eval_time: `${minutes}m`, exp_samples }],
  }
  const file = { rule_files: ['rules.yaml'], evaluation_interval: '5m', tests: [test] }
  writeFileSync(join(folder, 'rules.yaml'), stringify({ groups }, { lineWidth: 0 }))
  writeFileSync(join(folder, 'test.yaml'), stringify(file, { lineWidth: 0 }))
  const { status, stdout, stderr, error } = spawnSync('promtool', ['test', 'rules', 'test.yaml'], {
    cwd: folder,
    encoding: 'utf8',
  })
  if (error) throw new Error(`promtool can't be run: ${error.message}`)
  expect(status, `${stdout}${stderr}`).toBe(0)
}

describe('the alerts, in promtool', () => {
  it('are silent while all is well', () => {
    expectFiring(10 * HOUR, WELL, [])
  })

  it('notice a watchdog that does not succeed any more, within half an hour', () => {
    const stopped = {
      ...WELL,
      [cron('status_last_successful_time')]: `0+60x${2 * HOUR} ${2 * HOUR * 60}x${HOUR}`,
    }
    expectFiring(2 * HOUR + 10, stopped, [])
    expectFiring(2 * HOUR + 25, stopped, ['HaiNotWell'])
  })

  it('say of a suspended watchdog that it is suspended, and not that hai is unwell', () => {
    const suspended = {
      ...WELL,
      [cron('spec_suspend')]: ever(1),
      [cron('status_last_successful_time')]: ever(60),
    }
    expectFiring(50, suspended, [])
    expectFiring(2 * HOUR, suspended, ['HaiWatchdogSuspended'])
    const woken = { ...suspended, [cron('spec_suspend')]: `1x${2 * HOUR} 0x60` }
    expectFiring(2 * HOUR + 5, woken, [])
  })

  it('give the first evening its time, and then say what is missing', () => {
    const { [cron('status_last_successful_time')]: _, ...neverWell } = WELL
    expectFiring(3 * HOUR, neverWell, [])
    expectFiring(5 * HOUR, neverWell, ['HaiNeverWell'])
    const { [cron('created')]: __, [cron('spec_suspend')]: ___, ...noWatchdog } = neverWell
    expectFiring(3 * HOUR, noWatchdog, [])
    expectFiring(5 * HOUR, noWatchdog, ['HaiWatchdogMissing'])
  })

  it('notice a proxy without pods, and one whose Deployment is deleted', () => {
    expectFiring(HOUR, { ...WELL, [proxy()]: ever(0) }, ['HaiProxyDown'])
    expectFiring(2 * HOUR, { ...WELL, [proxy()]: `1x${HOUR}` }, ['HaiProxyDown'])
    expectFiring(HOUR, WELL, [], { edge: { kind: 'envoy-extauth' } })
  })

  it('take two exporters that differ for one thing seen twice', () => {
    const other = ',instance="old"'
    const differing = {
      ...WELL,
      [proxy(other)]: ever(0),
      [cron('status_last_successful_time', other)]: ever(60),
      [cron('spec_suspend', other)]: ever(1),
    }
    expectFiring(5 * HOUR, differing, [])
  })

  it('name the secrets that are hai’s, and leave those alone that only begin alike', () => {
    expectFiring(HOUR, { ...WELL, [notSynced('home', 'hai-oauth2-proxy')]: ever(1) }, ['HaiSecretNotSynced'])
    expectFiring(HOUR, { ...WELL, [notSynced('databases', 'hai-database')]: ever(1) }, ['HaiSecretNotSynced'])
    const strangers = {
      [notSynced('media', 'hai-database')]: ever(1),
      [notSynced('home', 'hai-fi')]: ever(1),
    }
    expectFiring(5 * HOUR, { ...WELL, ...strangers }, [])
    const token = { ...WELL, [notSynced('home', 'hai-watchdog')]: ever(1) }
    expectFiring(HOUR, token, [])
    expectFiring(5 * HOUR, token, ['HaiTokenNotSynced'])
  })

  it('notice a backup that is old, one that never was, and an exporter that nobody asks', () => {
    const long = 40 * HOUR
    const well = Object.fromEntries(
      Object.keys(WELL).map((one) => [one, one.includes('last') ? now(long) : ever(0, long)]),
    )
    const alive = { ...well, [proxy()]: ever(1, long), [backup('hai-2')]: ever(0, long) }
    expectFiring(29 * HOUR, { ...alive, [backup('hai-1')]: ever(60, long) }, [])
    expectFiring(31 * HOUR, { ...alive, [backup('hai-1')]: ever(60, long) }, ['HaiBackupOld'])
    expectFiring(31 * HOUR, { ...alive, [backup('hai-1')]: ever(0, long) }, ['HaiBackupMissing'])
    const { [backup('hai-1')]: _, ...unasked } = WELL
    expectFiring(3 * HOUR, unasked, [])
    const strangers = { [backup('hai-1', 'media')]: now(), [backup('hai-house-1')]: now() }
    expectFiring(5 * HOUR, { ...unasked, ...strangers }, ['HaiBackupMissing'])
    expectFiring(5 * HOUR, unasked, [], { database: { kind: 'cluster', backup: 'none' } })
  })

  it('notice drift and a report that is old, and want none of who never reported', () => {
    const of = (metric: string) =>
      `cnpg_hai_drift_${metric}{namespace="databases",pod="hai-1",kind="windmill"}`
    expectFiring(HOUR, { ...WELL, [of('differences')]: ever(2), [of('reported')]: now() }, ['HaiDrift'])
    const old = { ...WELL, [of('differences')]: ever(0), [of('reported')]: ever(0) }
    expectFiring(3 * HOUR, old, [], { monitoring: { drift_hours: 4 } })
    expectFiring(5 * HOUR, old, ['HaiDriftReportOld'], { monitoring: { drift_hours: 4 } })
  })

  it('look at the front door where there is a probe', () => {
    const monitoring = { probe: { prober: 'blackbox-exporter.observability.svc:9115' } }
    const door = 'probe_success{job="hai-front-door"}'
    expectFiring(HOUR, { ...WELL, [door]: ever(1) }, [], { monitoring })
    expectFiring(HOUR, { ...WELL, [door]: ever(0) }, ['HaiFrontDoorDown'], { monitoring })
    expectFiring(HOUR, WELL, ['HaiFrontDoorDown'], { monitoring })
  })
})
