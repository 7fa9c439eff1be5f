import { join } from 'node:path'
import { type BundleFiles, hasRunnable, type Problem } from '../items.ts'

interface Module {
  id: string
  value: Record<string, unknown>
}

const RESERVED = ['failure', 'preprocessor', 'Input']

/** Flows: the scripts, flows and inline files that their steps name exist, and no two steps share an id. */
export function checkFlows(bundle: BundleFiles): Problem[] {
  return bundle.items('/flow.yaml').flatMap(({ file, content, path }) => {
    const value = (content.value ?? {}) as Record<string, unknown>
    if (!Array.isArray(value.modules)) return [{ file, what: 'value.modules is missing: expected its steps' }]
    const modules = modulesOf(value)
    const problems = [
      ...modules.flatMap((module) => checkModule(bundle, path, module)),
      ...checkIds(modulesOf(value.modules).map(({ id }) => id)),
    ]
    return problems.map((what) => ({ file, what }))
  })
}

function checkModule(bundle: BundleFiles, folder: string, { id, value }: Module): string[] {
  const { type, path, content, lock } = value
  if ((type === 'script' || type === 'flow') && !String(path).startsWith('hub/')) {
    if (!hasRunnable(bundle, path, type === 'flow'))
      return [`step ${id}: ${path} is no ${type} of the bundle`]
  }
  const inlined = [content, lock].flatMap((text) => /^!inline (.+)$/.exec(String(text))?.[1] ?? [])
  return inlined
    .filter((name) => !bundle.files.includes(join(folder, name)))
    .map((name) => `step ${id}: the inline file ${name} is not there`)
}

function checkIds(ids: string[]): string[] {
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `two steps have the id ${id}`)
  return [
    ...twice,
    ...ids.filter((id) => RESERVED.includes(id)).map((id) => `the step id ${id} is Windmill's own`),
  ]
}

/** Every step, those of branches and loops too. */
function modulesOf(node: unknown): Module[] {
  if (typeof node !== 'object' || node === null) return []
  const { id, value } = node as Partial<Module>
  const inner = Object.values(node).flatMap(modulesOf)
  return typeof id === 'string' && typeof value === 'object' ? [node as Module, ...inner] : inner
}
