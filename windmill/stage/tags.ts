import type { BundleFiles } from '../items.ts'
import { isOwn } from '../scripts.ts'

interface FlowModule {
  value?: { tag?: string; tag_override?: string; modules?: FlowModule[] }
}

interface Taggable {
  tag?: string
  value?: { modules?: FlowModule[] }
}

const KINDS = ['.script.yaml', '.schedule.yaml', '__flow/flow.yaml']

/** Every tag that jobs of the bundle wait for, with one thing that waits for it. */
export function neededTags(bundle: BundleFiles, onePool: boolean): Map<string, string> {
  const tags = new Map([['bun', 'scripts without a tag']])
  if (bundle.items('__flow/flow.yaml').length > 0) tags.set('flow', 'flows')
  const items = onePool ? [] : KINDS.flatMap((kind) => bundle.items(kind))
  for (const { path, content } of items.filter(({ path }) => isOwn(path))) {
    for (const tag of tagsOf(content)) tags.set(tag, path)
  }
  return tags
}

function tagsOf({ tag, value }: Taggable): string[] {
  const inner = modulesOf(value).flatMap((module) => [module.value?.tag, module.value?.tag_override])
  return [tag, ...inner].filter((tag) => typeof tag === 'string')
}

/** The same script, schedule or flow for workers that serve no tag of hai's. */
export function withoutTags<T extends Taggable>(item: T): T {
  const plain = structuredClone(item)
  delete plain.tag
  for (const { value } of modulesOf(plain.value)) {
    delete value?.tag
    delete value?.tag_override
  }
  return plain
}

/** A flow's steps, those of its loops too. */
function modulesOf(value: { modules?: FlowModule[] } | undefined): FlowModule[] {
  const own = Array.isArray(value?.modules) ? value.modules : []
  return own.flatMap((module) => [module, ...modulesOf(module.value)])
}
