import { type Config, hostOf } from '../config/config.ts'
import { type Folder, ManifestFile } from './manifest-file.ts'

/** The job under which Prometheus keeps what the look at the front door brought. */
export const FRONT_DOOR = 'hai-front-door'

/** A look at what callers see: the name, the certificate, the gateway and who stands behind it. Nothing where none is asked for. */
export class FrontDoorProbe extends ManifestFile {
  constructor(folder: Folder, config: Config) {
    super(folder, 'probe')
    const { probe, object_labels } = config.monitoring
    if (!probe) return
    // the proxy answers this path to everybody; Authelia sends a stranger to its own login page
    const path = config.edge.kind === 'oauth2-proxy' ? '/ping' : '/'
    const body = {
      spec: {
        jobName: FRONT_DOOR,
        interval: '1m',
        module: probe.module,
        prober: { url: probe.prober },
        targets: { staticConfig: { static: [`https://${hostOf(config)}${path}`] } },
      },
    }
    this.add('Probe', FRONT_DOOR, body, { labels: object_labels })
  }
}
