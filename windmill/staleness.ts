import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { Locks } from '../runner/locks.ts'
import { type FlowFiles, readFlows, readScripts, readText, type ScriptFiles } from './scripts.ts'

/** Why the metadata of a script or flow has to be made again. */
export interface Stale {
  path: string
  reason: string
}

/** The hashes that the official CLI keeps in wmill-lock.yaml, by path; those of a flow's parts as `path+part`. */
export function recordedHashes(root: string): Record<string, string> {
  const text = readText(join(root, 'wmill-lock.yaml'))
  if (text === undefined) return {}
  const { locks } = (parse(text) ?? {}) as { locks?: Record<string, string> }
  return locks ?? {}
}

/** The scripts and flows whose metadata was not made from what they and package-lock.json hold now. */
export async function staleItems(root: string): Promise<Stale[]> {
  const scripts = readScripts(root)
  const flows = readFlows(root)
  const steps = flows.flatMap((flow) => flow.steps)
  const recorded = recordedHashes(root)
  const locks = await new Locks(root).of([...scripts, ...steps])
  const made = new Map([...scripts, ...steps].map(({ path }, index) => [path, locks[index]!]))
  const reasons = [
    ...scripts.map((script) => [
      script.path,
      staleness(script, recorded[script.path], made.get(script.path)!),
    ]),
    ...flows.map((flow) => [flow.path, flowStaleness(flow, recorded, made)]),
  ] as const
  return reasons.flatMap(([path, reason]) => (path && reason ? [{ path, reason }] : []))
}

function flowStaleness(
  { path, steps }: FlowFiles,
  recorded: Record<string, string>,
  made: Map<string, string>,
): string | undefined {
  const hashes = steps.map((step): [string, string] => [
    `${step.path.slice(path.length + 1)}.ts`,
    sha256(`${step.code}{}`),
  ])
  const whole = sha256(JSON.stringify(Object.fromEntries(hashes)))
  const hash = recorded[`${path}+__flow_hash`]
  if (hash !== whole) return hash ? 'an inline script changed since' : 'wmill-lock.yaml lacks it'
  const drifted = steps.find((step) => step.lock !== made.get(step.path))
  return drifted && `the lock of ${drifted.path} pins other versions than package-lock.json`
}

function staleness(script: ScriptFiles, recorded: string | undefined, lock: string): string | undefined {
  if (script.metadata === undefined) return `it has no ${script.path}.script.yaml`
  if (script.lock === undefined) return `it has no ${script.path}.script.lock`
  if (hashOf(script) !== recorded) return 'the script or its metadata changed since'
  if (script.lock !== lock) return 'its lock pins other versions than package-lock.json'
  return undefined
}

/** As the official CLI computes it; `{}` stands for the workspace dependencies, of which there are none. */
function hashOf({ code, metadata }: ScriptFiles): string {
  return sha256(`{}${code}${metadata}`)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** The entries of wmill-lock.yaml whose script or flow is gone. */
export function orphanedHashes(root: string, files: string[]): string[] {
  return Object.keys(recordedHashes(root)).filter((key) => {
    const [path = '', part] = key.split('+')
    if (part === undefined) return !files.includes(`${path}.ts`)
    return part === '__flow_hash' ? !files.includes(`${path}/flow.yaml`) : !files.includes(`${path}/${part}`)
  })
}

/** Takes entries out of wmill-lock.yaml, so that the CLI makes theirs anew, or forgets them. */
export function forgetHashes(root: string, keys: string[]): void {
  const file = join(root, 'wmill-lock.yaml')
  const recorded = recordedHashes(root)
  if (!keys.some((key) => recorded[key])) return
  const content = parse(readFileSync(file, 'utf8')) as { locks: Record<string, string> }
  for (const key of keys) delete content.locks[key]
  // As the CLI writes it.
  writeFileSync(file, stringify(content, { singleQuote: true, aliasDuplicateObjects: false }))
}
