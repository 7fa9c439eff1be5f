import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'
import { projectRoot } from '../../runner/root.ts'

/** A bundle of a test's own: files by path, in a folder that is removed after the test file. */
export interface BundleFolder {
  root: string
  write: (path: string, content: string) => void
}

/** Makes the folder, with the project's packages in reach. */
export function bundleFolder(files: Record<string, string>): BundleFolder {
  const root = mkdtempSync(join(tmpdir(), 'hai-bundle-'))
  chmodSync(root, 0o755)
  symlinkSync(join(projectRoot(), 'node_modules'), join(root, 'node_modules'))
  afterAll(() => rmSync(root, { recursive: true, force: true }))
  const write: BundleFolder['write'] = (path, content) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  for (const [path, content] of Object.entries(files)) write(path, content)
  return { root, write }
}
