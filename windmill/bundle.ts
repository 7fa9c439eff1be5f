import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { readText } from '../runner/files.ts'

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

/** A script of the bundle as it lies on disk. */
export interface ScriptFiles {
  /** Windmill's path, such as `f/hai/todo/add`. */
  path: string
  code: string
  /** The text of its `.script.yaml` and `.script.lock`; undefined when there is none. */
  metadata: string | undefined
  lock: string | undefined
}

/** What callers run, and what runs behind HTTP routes, where callers do not read. */
export const FOLDERS = ['hai', 'hai_routes']

/** HTTP routes run as this user, who may run what lies in those folders, and writes nothing. */
export const SERVICE_USER = 'hai'

/** Whether it lies in one of them. */
export const isOwn = (path: string): boolean => FOLDERS.some((folder) => path.startsWith(`f/${folder}/`))

/** All files below `f/` and `u/`, as paths from the root with slashes, sorted. */
export function bundlePaths(root: string): string[] {
  return ['f', 'u']
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) =>
          join(entry.parentPath, entry.name).slice(join(root, '/').length).replaceAll('\\', '/'),
        ),
    )
    .sort()
}

/** What callers, routes and schedules start: each script of the bundle that has a main. All else, such as core, becomes part of them. */
export function readDoors(root: string): ScriptFiles[] {
  return readScripts(root).filter(
    ({ path, code }) => isOwn(path) && /^export async function main\b/m.test(code),
  )
}

/** All scripts, what they import of the bundle too; a flow's inline scripts are part of their flow. */
export function readScripts(root: string): ScriptFiles[] {
  return bundlePaths(root)
    .filter((file) => file.endsWith('.ts') && !file.includes('__flow/'))
    .map((file) => {
      const path = file.replace(/\.ts$/, '')
      return {
        path,
        code: readFileSync(join(root, file), 'utf8'),
        metadata: readText(join(root, `${path}.script.yaml`)),
        lock: readText(join(root, `${path}.script.lock`)),
      }
    })
}

/** A flow's folder, and its inline scripts in the order of their names. */
interface FlowFiles {
  /** Such as `f/hai/ask__flow`. */
  path: string
  steps: ScriptFiles[]
}

export function readFlows(root: string): FlowFiles[] {
  const files = bundlePaths(root)
  const flows = files.filter((file) => file.endsWith('__flow/flow.yaml'))
  return flows.map((file) => {
    const path = file.replace(/\/flow\.yaml$/, '')
    const scripts = files.filter((other) => other.startsWith(`${path}/`) && other.endsWith('.ts'))
    const steps = scripts.map((script) => ({
      path: script.replace(/\.ts$/, ''),
      code: readFileSync(join(root, script), 'utf8'),
      metadata: undefined,
      lock: readText(join(root, script.replace(/\.ts$/, '.lock'))),
    }))
    return { path, steps }
  })
}
