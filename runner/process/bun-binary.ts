import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

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
