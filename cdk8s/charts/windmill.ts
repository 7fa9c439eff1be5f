import { k8s } from 'cdk8s-plus-28'
import type { Config } from '../config/config.ts'
import { ReferenceGrant } from '../imports/gateway.networking.k8s.io.ts'
import { WORKERS_ACCOUNT } from '../names.ts'
import { type Folder, ManifestFile } from './manifest-file.ts'

/** The account of the workers in hai's groups: Windmill's own is shared by all its pods, and its token lies in each. */
export class WorkersAccount extends ManifestFile {
  constructor(folder: Folder) {
    super(folder, 'serviceaccount')
    new k8s.KubeServiceAccount(this, 'account', {
      metadata: { name: WORKERS_ACCOUNT },
      automountServiceAccountToken: false,
    })
  }
}

/** Allows hai's routes to Windmill in another namespace. */
export class WindmillGrant extends ManifestFile {
  constructor(folder: Folder, { namespace, windmill }: Config) {
    super(folder, 'referencegrant')
    new ReferenceGrant(this, 'grant', {
      metadata: { name: 'hai-windmill' },
      spec: {
        from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace }],
        to: [{ group: '', kind: 'Service', name: windmill.service }],
      },
    })
  }
}
