import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { bundlePaths } from './scripts.ts'

/** Something that a push would break on, or that would surprise its operator; `what` says how to mend it. */
export interface Problem {
  file: string
  what: string
}

/** A parsed file of the bundle; its content is empty when it holds no mapping. */
export interface Item {
  file: string
  /** Windmill's path: the file's without the ending of its kind. */
  path: string
  content: Record<string, unknown>
}

/** What the checks look at: all files below `f/` and `u/`, and the YAML ones parsed. */
export interface BundleFiles {
  root: string
  files: string[]
  items: (ending: string) => Item[]
  problems: Problem[]
}

/** Reads a bundle; a file that is no YAML mapping is a problem from the start. */
export function readBundle(root: string): BundleFiles {
  const files = bundlePaths(root)
  const problems: Problem[] = []
  const parsed = files
    .filter((file) => file.endsWith('.yaml'))
    .map((file): Item => {
      const content = mapping(readFileSync(join(root, file), 'utf8'))
      if (typeof content === 'string') problems.push({ file, what: content })
      return { file, path: file, content: typeof content === 'string' ? {} : content }
    })
  const items = (ending: string) =>
    parsed
      .filter(({ file }) => file.endsWith(ending))
      .map((item) => ({ ...item, path: item.file.slice(0, -ending.length) }))
  return { root, files, items, problems }
}

/** The mapping, or what is wrong with the text. */
function mapping(text: string): Record<string, unknown> | string {
  let content: unknown
  try {
    content = parse(text)
  } catch (error) {
    return `it is not YAML: ${(error as Error).message.split('\n')[0]}`
  }
  const isMapping = typeof content === 'object' && content !== null && !Array.isArray(content)
  return isMapping ? (content as Record<string, unknown>) : 'it holds no mapping of keys'
}

/** Whether a path names a script, or a flow, of the bundle. */
export function hasRunnable({ files }: BundleFiles, path: unknown, isFlow: unknown): boolean {
  const file = isFlow === true ? `${path}__flow/flow.yaml` : `${path}.ts`
  return files.includes(file)
}
