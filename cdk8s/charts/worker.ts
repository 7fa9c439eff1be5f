import { k8s } from 'cdk8s-plus-28'
import { type Config, windmillUrl } from '../config/config.ts'
import { APP_NAME, MACHINE_SECRET, WORKER } from '../names.ts'
import { because, type Folder, ManifestFile } from './manifest-file.ts'
import { resources, restrictedPod } from './restricted-pod.ts'

const USER = 1000
const DRAIN_SECONDS = 120

/** A worker that stays: it claims tasks over HTTP, and can hold a login that Windmill's pods don't have. */
export class ResidentWorker extends ManifestFile {
  constructor(folder: Folder, config: Config, worker: NonNullable<Config['worker']>) {
    super(folder, 'worker')
    const sizeLimit = k8s.Quantity.fromString('256Mi')
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
        resources: resources('50m', '128Mi', '512Mi'),
        volumeMounts: [
          { name: 'home', mountPath: '/home/hai' },
          { name: 'tmp', mountPath: '/tmp' },
        ],
      },
      volumes: [
        { name: 'home', emptyDir: { sizeLimit } },
        { name: 'tmp', emptyDir: { sizeLimit } },
      ],
    })
    const deployment = new k8s.KubeDeployment(this, 'worker', {
      metadata: { name: WORKER, annotations: { 'reloader.stakater.com/auto': 'true' } },
      spec: { replicas: worker.replicas, selector: { matchLabels: { [APP_NAME]: WORKER } }, template },
    })
    because(deployment, {
      'spec.template.spec.terminationGracePeriodSeconds':
        'a call to a model that runs when the pod must go is given the time to end',
    })
  }
}
