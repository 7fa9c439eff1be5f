import { k8s } from 'cdk8s-plus-28'
import { APP_NAME } from '../names.ts'

interface Pod {
  name: string
  /** The image's own user; never root. */
  user: number
  container: Omit<k8s.Container, 'name' | 'securityContext'>
  volumes?: k8s.Volume[]
  restartPolicy?: 'Never'
  graceSeconds?: number
}

/** A pod of one container under the restricted security standard, found by its name's label. */
export const restrictedPod = (pod: Pod): k8s.PodTemplateSpec => ({
  metadata: { labels: { [APP_NAME]: pod.name, 'app.kubernetes.io/part-of': 'hai' } },
  spec: {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    restartPolicy: pod.restartPolicy,
    terminationGracePeriodSeconds: pod.graceSeconds,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: pod.user,
      runAsGroup: pod.user,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: 'main',
        ...pod.container,
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
      },
    ],
    volumes: pod.volumes,
  },
})

/** So much of the processor and of memory is kept for it, and so much memory it may have. */
export const resources = (cpu: string, memory: string, limit: string): k8s.ResourceRequirements => ({
  requests: { cpu: k8s.Quantity.fromString(cpu), memory: k8s.Quantity.fromString(memory) },
  limits: { memory: k8s.Quantity.fromString(limit) },
})
