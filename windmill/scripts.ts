import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

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

/** HTTP routes run as him: he may run what lies in those folders, and write nothing. */
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
export interface FlowFiles {
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

/** A file's text; undefined when there is none. */
export function readText(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}
