import type { BundleFiles, Item, Problem } from '../items.ts'

/** Deeper arrays are left as they are by Windmill. */
const ARRAY_DEPTH = 2

/** `$var:` and `$res:` in resources, schedules, triggers and flows: each must name something, where Windmill reads it. */
export function checkReferences(bundle: BundleFiles): Problem[] {
  const endings = ['.resource.yaml', '.schedule.yaml', '.http_trigger.yaml', '/flow.yaml']
  return endings
    .flatMap((ending) => bundle.items(ending))
    .flatMap((item) => checkItem(bundle, item).map((what) => ({ file: item.file, what })))
}

function checkItem(bundle: BundleFiles, { content }: Item): string[] {
  // Summaries and descriptions may speak of references.
  const { value, args } = content
  return strings({ value, args }).flatMap(({ text, arrays }) => {
    const [, kind, path = ''] = /^\$(var|res):(.*)$/.exec(text) ?? []
    if (kind === undefined) {
      return /\$(var|res):[fu]\//.test(text) ? [`"${text}": a reference must be the whole string`] : []
    }
    if (arrays > ARRAY_DEPTH)
      return [`${text} is in arrays ${arrays} deep, where Windmill doesn't resolve it`]
    return resolves(bundle, kind as 'var' | 'res', path) ? [] : [`${text} names nothing${hint(kind, path)}`]
  })
}

function resolves({ files }: BundleFiles, kind: 'var' | 'res', path: string): boolean {
  const file = `${path}.${kind === 'var' ? 'variable' : 'resource'}.yaml`
  return files.includes(file) || path.startsWith('u/operator/')
}

function hint(kind: string, path: string): string {
  const file = `${path}.${kind === 'var' ? 'variable' : 'resource'}.yaml`
  return `: add ${file}`
}

function strings(value: unknown, arrays = 0): { text: string; arrays: number }[] {
  if (typeof value === 'string') return [{ text: value, arrays }]
  if (Array.isArray(value)) return value.flatMap((entry) => strings(entry, arrays + 1))
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap((entry) => strings(entry, arrays))
}
