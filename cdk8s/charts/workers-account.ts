import { WORKERS_ACCOUNT } from '../names.ts'
import { type Folder, ManifestFile } from './manifest-file.ts'

/** The account of the workers in hai's groups: Windmill's own is shared by all its pods, and its token lies in each. */
export class WorkersAccount extends ManifestFile {
  constructor(folder: Folder) {
    super(folder, 'serviceaccount')
    this.add('ServiceAccount', WORKERS_ACCOUNT, { automountServiceAccountToken: false })
  }
}
