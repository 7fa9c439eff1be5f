import type { Config } from '../config.ts'
import { dashboardJson } from '../dashboard/board.ts'
import { type Folder, ManifestFile } from '../manifest-file.ts'
import { DASHBOARD } from '../names.ts'

/** The dashboard as Grafana's sidecar or its operator finds it; nothing where Grafana fetches it by URL. */
export class DashboardFile extends ManifestFile {
  constructor(folder: Folder, config: Config) {
    super(folder, 'dashboard')
    const { delivery, folder: title, instance_labels } = config.dashboard
    if (delivery === 'configmap') {
      this.add(
        'ConfigMap',
        DASHBOARD,
        { data: { 'hai.json': dashboardJson(config) } },
        { labels: { grafana_dashboard: '1' }, annotations: { grafana_folder: title } },
      )
    }
    if (delivery === 'grafana-operator') {
      this.add('GrafanaDashboard', DASHBOARD, {
        spec: {
          allowCrossNamespaceImport: true,
          folder: title,
          instanceSelector: { matchLabels: instance_labels },
          json: dashboardJson(config),
        },
      })
    }
  }
}
