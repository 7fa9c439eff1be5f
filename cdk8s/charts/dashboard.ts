import { k8s } from 'cdk8s-plus-28'
import { type Config, databaseHost } from '../config/config.ts'
import { dashboardJson } from '../dashboard/board.ts'
import { GrafanaDashboard, GrafanaDatasource } from '../imports/grafana.integreatly.org.ts'
import { DASHBOARD, DATABASE, GRAFANA_SECRET, POSTGRES_PORT, READER, READER_PASSWORD } from '../names.ts'
import { type Folder, ManifestFile } from './manifest-file.ts'

/** The dashboard as Grafana's sidecar or its operator finds it, and for the operator the data source; nothing where Grafana fetches it by URL. */
export class DashboardFile extends ManifestFile {
  constructor(folder: Folder, config: Config) {
    super(folder, 'dashboard')
    const { delivery, folder: title, instance_labels } = config.dashboard
    if (delivery === 'configmap') {
      new k8s.KubeConfigMap(this, 'dashboard', {
        metadata: {
          name: DASHBOARD,
          labels: { grafana_dashboard: '1' },
          annotations: { grafana_folder: title },
        },
        data: { 'hai.json': dashboardJson(config) },
      })
    }
    if (delivery === 'grafana-operator') {
      new GrafanaDashboard(this, 'dashboard', {
        metadata: { name: DASHBOARD },
        spec: {
          allowCrossNamespaceImport: true,
          folder: title,
          instanceSelector: { matchLabels: instance_labels },
          json: dashboardJson(config),
        },
      })
      new GrafanaDatasource(this, 'datasource', {
        metadata: { name: DASHBOARD },
        spec: {
          allowCrossNamespaceImport: true,
          instanceSelector: { matchLabels: instance_labels },
          uid: config.dashboard.datasource,
          datasource: { ...readerSource(config), access: 'proxy' },
          valuesFrom: [
            {
              targetPath: 'secureJsonData.password',
              valueFrom: { secretKeyRef: { name: GRAFANA_SECRET, key: READER_PASSWORD } },
            },
          ],
        },
      })
    }
  }
}

/** The data source; the password comes into the place of its name, by Grafana's environment or by its operator. */
export const readerSource = (config: Config) => ({
  name: 'hai',
  type: 'grafana-postgresql-datasource',
  url: `${databaseHost(config)}:${POSTGRES_PORT}`,
  user: READER,
  jsonData: { database: DATABASE, sslmode: 'require', postgresVersion: 1500 },
  secureJsonData: { password: `$${READER_PASSWORD}` as const },
})
