import type { Config } from '../config.ts'
import { type Folder, ManifestFile, pluralOf } from '../manifest-file.ts'

interface Owned {
  apiVersion: string
  kind: string
  name: string
}

const NAME = 'hai-status'
const RBAC = 'rbac.authorization.k8s.io'
const ITSELF: readonly Owned[] = ['Role', 'RoleBinding'].map((kind) => ({
  apiVersion: `${RBAC}/v1`,
  kind,
  name: NAME,
}))

/** Lets Windmill's workers look at exactly these objects, one by one by name, for `hai gitops status`. No secrets, no lists. */
export class StatusRole extends ManifestFile {
  constructor(folder: Folder, { windmill }: Config, owned: readonly Owned[]) {
    super(folder, 'role')
    const groups = new Map<string, { group: string; resource: string; names: string[] }>()
    for (const { apiVersion, kind, name } of [...owned, ...ITSELF]) {
      const group = apiVersion.includes('/') ? apiVersion.split('/')[0]! : ''
      const resource = pluralOf(kind)
      const known = groups.get(`${group}/${resource}`) ?? { group, resource, names: [] }
      groups.set(`${group}/${resource}`, { ...known, names: [...known.names, name].sort() })
    }
    this.add('Role', NAME, {
      rules: [...groups.entries()]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, { group, resource, names }]) => ({
          apiGroups: [group],
          resources: [resource],
          resourceNames: names,
          verbs: ['get'],
        })),
    })
    this.add('RoleBinding', NAME, {
      roleRef: { apiGroup: RBAC, kind: 'Role', name: NAME },
      subjects: [{ kind: 'ServiceAccount', name: windmill.service_account, namespace: windmill.namespace }],
    })
  }
}
