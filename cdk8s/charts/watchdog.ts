import { k8s } from 'cdk8s-plus-28'
import { type Config, windmillUrl } from '../config/config.ts'
import { WATCHDOG, WATCHDOG_SECRET } from '../names.ts'
import { because, type Folder, ManifestFile } from './manifest-file.ts'
import { resources, restrictedPod } from './restricted-pod.ts'

/** The user of curl's image. */
const CURL_USER = 100

/** A look at hai from outside of Windmill, whose own error handlers can be silent. Prometheus watches its last success. */
export class Watchdog extends ManifestFile {
  constructor(folder: Folder, config: Config) {
    super(folder, 'watchdog')
    const metadata = { name: WATCHDOG }
    new k8s.KubeConfigMap(this, 'script', { metadata, data: { 'watchdog.sh': WATCHDOG_SCRIPT } })
    const job = new k8s.KubeCronJob(this, 'job', {
      metadata,
      spec: {
        schedule: `*/${config.watchdog.every_minutes} * * * *`,
        concurrencyPolicy: 'Forbid',
        startingDeadlineSeconds: 60,
        successfulJobsHistoryLimit: 1,
        failedJobsHistoryLimit: 3,
        jobTemplate: {
          spec: {
            activeDeadlineSeconds: 120,
            backoffLimit: 0,
            ttlSecondsAfterFinished: 86_400,
            template: pod(config),
          },
        },
      },
    })
    because(job, {
      'spec.jobTemplate.spec.backoffLimit':
        'one shot: a second try would hide the outage that the first one met',
      'spec.jobTemplate.spec.ttlSecondsAfterFinished': 'or an alert on failed jobs never ends',
    })
  }
}

function pod(config: Config) {
  const door = `api/w/${config.windmill.workspace}/jobs/run_wait_result/p/f/hai/admin/health?invisible_to_owner=true`
  return restrictedPod({
    name: WATCHDOG,
    user: CURL_USER,
    restartPolicy: 'Never',
    container: {
      image: config.watchdog.image,
      command: ['/bin/sh', '/scripts/watchdog.sh'],
      env: [{ name: 'HAI_HEALTH_URL', value: `${windmillUrl(config)}/${door}` }],
      resources: resources('10m', '16Mi', '64Mi'),
      volumeMounts: [
        { name: 'scripts', mountPath: '/scripts', readOnly: true },
        { name: 'token', mountPath: '/etc/hai', readOnly: true },
      ],
    },
    volumes: [
      { name: 'scripts', configMap: { name: WATCHDOG } },
      {
        name: 'token',
        secret: {
          secretName: WATCHDOG_SECRET,
          defaultMode: 0o444,
          items: [{ key: 'authorization', path: 'authorization' }],
        },
      },
    ],
  })
}

/**
 * Asks hai how it is, from outside of Windmill. It proves a success and does not look for failures: no answer, or one that
 * is not understood, is a failure. The variables have no braces, which Flux would fill in.
 */
export const WATCHDOG_SCRIPT = `set -eu
body=$(curl --silent --show-error --fail-with-body --max-time 60 \\
  --header @/etc/hai/authorization --header 'content-type: application/json' --data '{}' "$HAI_HEALTH_URL") || {
  echo "hai does not answer: $body"
  exit 1
}
# jsonb knows neither the order of keys nor our spaces
flat=$(printf '%s' "$body" | tr -d ' \\n\\r\\t')
case "$flat" in
  *'"ok":false'*|*'"late":true'*)
    echo "hai is not well: $body"
    exit 1
    ;;
  *'"ok":true'*'"problems":[]'*|*'"problems":[]'*'"ok":true'*)
    echo "hai is well"
    ;;
  *)
    echo "hai's answer is not understood: $body"
    exit 1
    ;;
esac
`
