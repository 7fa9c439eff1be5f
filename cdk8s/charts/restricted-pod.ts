import { APP_NAME } from '../names.ts'
import type { PodTemplate } from '../schemas/pod.ts'

type Container = PodTemplate['spec']['containers'][number]

interface Pod {
  name: string
  /** The image's own user; never root. */
  user: number
  container: Omit<Container, 'name' | 'securityContext'>
  volumes?: PodTemplate['spec']['volumes']
  restartPolicy?: 'Never'
  graceSeconds?: number
}

/** A pod of one container under the restricted security standard, found by its name's label. */
export function restrictedPod({
  name,
  user,
  container,
  volumes,
  restartPolicy,
  graceSeconds,
}: Pod): PodTemplate {
  return {
    metadata: { labels: { [APP_NAME]: name, 'app.kubernetes.io/part-of': 'hai' } },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      ...(restartPolicy ? { restartPolicy } : {}),
      ...(graceSeconds ? { terminationGracePeriodSeconds: graceSeconds } : {}),
      securityContext: {
        runAsNonRoot: true,
        runAsUser: user,
        runAsGroup: user,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: 'main',
          ...container,
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
      ...(volumes ? { volumes } : {}),
    },
  }
}
