import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { serveBundle } from '../runner/bare-stack.ts'
import { bundlePaths, readScripts } from './scripts.ts'
import { forgetHashes, orphanedHashes, staleItems } from './staleness.ts'
import { fillSummaries } from './summaries.ts'
import { configureWmill, wmill } from './wmill.ts'

/**
 * Makes the schemas, locks and hashes of a bundle: the official CLI does it, our runner answers what it asks of a
 * server. A second run changes nothing. Throws with the CLI's words when it fails, or when something stays stale.
 */
export async function generateMetadata(root: string, log: (line: string) => void): Promise<void> {
  fillSummaries(root, readScripts(root))
  const stale = await staleItems(root)
  const gone = orphanedHashes(root, bundlePaths(root))
  // The CLI knows nothing of package-lock.json: without their hashes it makes these anew.
  forgetHashes(root, [...gone, ...stale.flatMap(({ path }) => [path, `${path}+__flow_hash`])])
  await runGenerator(root, log)
  const left = await staleItems(root)
  if (left.length === 0) return
  throw new Error(
    `metadata is still stale: ${left.map(({ path, reason }) => `${path} (${reason})`).join(', ')}`,
  )
}

async function runGenerator(root: string, log: (line: string) => void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'hai-metadata-'))
  const stack = await serveBundle({ root, dataDir: folder, log })
  try {
    configureWmill(folder, stack)
    const { code, stdout, stderr } = await wmill(['generate-metadata', '--yes'], {
      cwd: root,
      configDir: folder,
    })
    log(stripVTControlCharacters(stdout).trimEnd())
    if (code === 0) return
    throw new Error(`wmill generate-metadata ended with code ${code}: ${stderr.trim() || stdout.trim()}`)
  } finally {
    await stack.close()
    await rm(folder, { recursive: true, force: true })
  }
}
