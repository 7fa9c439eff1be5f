import { readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { homeFolder } from '../paths.ts'
import type { Config } from './config.ts'
import { Refused } from './read.ts'

const NAME = 'my.yaml'
/** `kubernetes/clusters/main/apps/home/hai` and one more. */
const DEPTH = 7

/** The operator's settings in his own repository: the one `hai/my.yaml` in it. Only names of folders are read. */
export function ownConfig(out: string): string {
  const found = [...below(out, 0)]
  const [first] = found
  if (first === undefined) {
    throw new Refused(`no hai/${NAME} lies below ${out}, nothing is written:`, [
      `hai gitops init ${out} makes one; --config FILE takes another one`,
    ])
  }
  if (found.length === 1) return first
  throw new Refused(
    `several hai/${NAME} lie below ${out}, nothing is written:`,
    found.map((file) => `--config ${file}`),
  )
}

function* below(folder: string, depth: number): Generator<string> {
  let entries: ReturnType<typeof named>
  try {
    entries = named(folder)
  } catch {
    // a folder that may not be read, or is not there, holds no settings of ours
    return
  }
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isFile() && entry.name === NAME && /(^|\/)hai$/.test(folder)) yield path
    if (entry.isDirectory() && depth < DEPTH && !/^(\..*|node_modules)$/.test(entry.name)) {
      yield* below(path, depth + 1)
    }
  }
}

const named = (folder: string) =>
  readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))

/** Refuses settings that name another folder than the one they lie in: the old one would be left behind. */
export function refuseElsewhere(file: string, out: string, config: Config): void {
  const here = relative(out, dirname(file))
  const meant = homeFolder(config)
  if (here === meant) return
  throw new Refused(`${file} says namespace and flux.path of another folder, nothing is written:`, [
    `git -C ${out} mv ${here} ${meant}`,
  ])
}
