import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout this program belongs to: the nearest folder above it that holds wmill.yaml. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'wmill.yaml'))) {
    const parent = dirname(folder)
    if (parent === folder)
      throw new Error(`no wmill.yaml above ${fileURLToPath(import.meta.url)}; run hai from its checkout`)
    folder = parent
  }
  return folder
}

/** The version in package.json. */
export function projectVersion(): string {
  const manifest = JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8')) as {
    version: string
  }
  return manifest.version
}
