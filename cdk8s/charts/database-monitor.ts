import { stringify } from 'yaml'
import type { Config } from '../config/config.ts'
import { DATABASE, METRICS, METRICS_KEY } from '../names.ts'
import { type Folder, ManifestFile } from './manifest-file.ts'

/** What PostgreSQL's exporter tells of hai, and who asks it. */
export class DatabaseMonitor extends ManifestFile {
  constructor(folder: Folder, { database, monitoring }: Config) {
    super(folder, 'monitor')
    const labels = { 'cnpg.io/reload': 'true' }
    this.add(
      'ConfigMap',
      METRICS,
      { data: { [METRICS_KEY]: stringify(QUERIES, { lineWidth: 0 }) } },
      { labels },
    )
    // one that is there already has a monitor of its own, or will be given one by whom it belongs to
    if (database.kind === 'existing') return
    this.add(
      'PodMonitor',
      database.cluster,
      {
        spec: {
          selector: { matchLabels: { 'cnpg.io/cluster': database.cluster } },
          podMetricsEndpoints: [{ port: 'metrics', interval: '1m' }],
        },
      },
      { labels: monitoring.object_labels },
    )
  }
}

/** As CloudNativePG reads them; the metrics are cnpg_hai_drift_differences and cnpg_hai_drift_reported. */
const QUERIES = {
  hai_drift: {
    // there is nothing to ask before hai has been deployed
    predicate_query: `select exists (
  select from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  where n.nspname = 'hai' and c.relname = 'dashboard_drift'
) as there`,
    query: 'select kind, differences, extract(epoch from reported_at) as reported from hai.dashboard_drift',
    target_databases: [DATABASE],
    metrics: [
      { kind: { usage: 'LABEL', description: 'what was compared with Git: windmill or cluster' } },
      { differences: { usage: 'GAUGE', description: 'how many differences the last report named' } },
      { reported: { usage: 'GAUGE', description: 'when it was reported, in seconds since 1970' } },
    ],
  },
}
