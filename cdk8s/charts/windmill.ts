import type { Config } from '../config/config.ts'
import { WORKERS_ACCOUNT } from '../names.ts'
import { type Folder, ManifestFile } from './manifest-file.ts'

/** The account of the workers in hai's groups: Windmill's own is shared by all its pods, and its token lies in each. */
export class WorkersAccount extends ManifestFile {
  constructor(folder: Folder) {
    super(folder, 'serviceaccount')
    this.add('ServiceAccount', WORKERS_ACCOUNT, { automountServiceAccountToken: false })
  }
}

/** Allows hai's routes to Windmill in another namespace. */
export class WindmillGrant extends ManifestFile {
  constructor(folder: Folder, { namespace, windmill }: Config) {
    super(folder, 'referencegrant')
    this.add('ReferenceGrant', 'hai-windmill', {
      spec: {
        from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace }],
        to: [{ group: '', kind: 'Service', name: windmill.service }],
      },
    })
  }
}
