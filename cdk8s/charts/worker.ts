import { type Config, windmillUrl } from '../config/config.ts'
import { APP_NAME, MACHINE_SECRET, WORKER } from '../names.ts'
import { type Folder, ManifestFile } from './manifest-file.ts'
import { restrictedPod } from './restricted-pod.ts'

const USER = 1000
/** A call to a model that runs when the pod must go is given the time to end. */
const DRAIN_SECONDS = 120

/** A worker that stays: it claims tasks over HTTP, and can hold a login that Windmill's pods don't have. */
export class ResidentWorker extends ManifestFile {
  constructor(folder: Folder, config: Config, worker: NonNullable<Config['worker']>) {
    super(folder, 'worker')
    const template = restrictedPod({
      name: WORKER,
      user: USER,
      graceSeconds: DRAIN_SECONDS,
      container: {
        image: worker.image,
        command: worker.command,
        env: [
          { name: 'HAI_ENDPOINT', value: windmillUrl(config) },
          { name: 'HAI_WORKSPACE', value: config.windmill.workspace },
          { name: 'HAI_TOKEN', valueFrom: { secretKeyRef: { name: MACHINE_SECRET, key: 'TOKEN' } } },
          { name: 'HOME', value: '/home/hai' },
        ],
        resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
        volumeMounts: [
          { name: 'home', mountPath: '/home/hai' },
          { name: 'tmp', mountPath: '/tmp' },
        ],
      },
      volumes: [
        { name: 'home', emptyDir: { sizeLimit: '256Mi' } },
        { name: 'tmp', emptyDir: { sizeLimit: '256Mi' } },
      ],
    })
    const selector = { matchLabels: { [APP_NAME]: WORKER } }
    this.add(
      'Deployment',
      WORKER,
      { spec: { replicas: worker.replicas, selector, template } },
      { annotations: { 'reloader.stakater.com/auto': 'true' } },
    )
  }
}
