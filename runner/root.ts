import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
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

/** The Bun of this platform's npm package, which needs no install script to run. */
export function bunBinary(): string {
  const architecture = process.arch === 'arm64' ? 'aarch64' : process.arch
  const name = `@oven/bun-${process.platform}-${architecture}`
  try {
    const binary = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'bin', 'bun')
    if (existsSync(binary)) return binary
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
  }
  throw new Error(`Bun is missing: the package ${name} is not installed; run: npm ci --include=optional`)
}
