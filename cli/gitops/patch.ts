import { Failure } from '../failure.ts'
import type { KubeObject } from './judge.ts'

/** A patch as the list of a folder has it: fields to merge, or operations of JSON Patch. */
export interface ListedPatch {
  target: { kind: string; name: string }
  patch: unknown
}

interface Operation {
  op: string
  path: string
  from?: string
  value?: unknown
}

type Fields = Record<string, unknown>

/** Kinds of which kustomize knows that it merges lists by names; those of all others it replaces. */
const BUILT_IN = /^(v1|apps\/v1|batch\/v1)$/

/** The object as kustomize makes it of what was generated and the operator's patches. */
export function patched(object: KubeObject, patches: readonly ListedPatch[]): KubeObject {
  return patches
    .filter(({ target }) => target.kind === object.kind && target.name === object.metadata.name)
    .reduce<KubeObject>((before, { patch }) => {
      if (Array.isArray(patch)) return operated(before, patch as Operation[])
      return merged(before, patch, BUILT_IN.test(object.apiVersion)) as KubeObject
    }, object)
}

function merged(before: unknown, patch: unknown, byName: boolean): unknown {
  if (Array.isArray(patch)) return byName && isNamed(patch) ? mergedByName(before, patch) : patch
  if (typeof patch !== 'object' || patch === null) return patch
  const fields: Fields = isFields(before) ? { ...before } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete fields[key]
    else fields[key] = merged(fields[key], value, byName)
  }
  return fields
}

type Named = Fields & { name: string }

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isNamed = (list: unknown[]): list is Named[] =>
  list.every((item) => isFields(item) && typeof item.name === 'string')

/** New ones stand in front, as kustomize puts them. */
function mergedByName(before: unknown, patch: readonly Named[]): unknown[] {
  const there = Array.isArray(before) ? (before as Fields[]) : []
  const changed = there.map((item) => {
    const change = patch.find(({ name }) => name === item.name)
    return change ? merged(item, change, true) : item
  })
  return [...patch.filter(({ name }) => !there.some((item) => item.name === name)), ...changed]
}

function operated(before: KubeObject, operations: readonly Operation[]): KubeObject {
  const object = structuredClone(before)
  for (const { op, path, from, value } of operations) {
    if (op === 'add' || op === 'replace') set(object, path, structuredClone(value), op === 'add')
    else if (op === 'remove') remove(object, path)
    else if (op === 'copy' && from !== undefined) set(object, path, structuredClone(at(object, from)), true)
    else if (op === 'move' && from !== undefined) {
      const moved = at(object, from)
      remove(object, from)
      set(object, path, moved, true)
    }
  }
  return object
}

const keysOf = (path: string): string[] =>
  path
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))

function at(object: KubeObject, path: string): unknown {
  return keysOf(path).reduce<unknown>((value, key) => (value as Fields | undefined)?.[key], object)
}

function parentOf(object: KubeObject, path: string): { parent: Fields | unknown[]; key: string } {
  const keys = keysOf(path)
  const parent = keys
    .slice(0, -1)
    .reduce<unknown>((value, key) => (value as Fields | undefined)?.[key], object)
  if (typeof parent === 'object' && parent !== null) return { parent: parent as Fields, key: keys.at(-1)! }
  const { kind, metadata } = object
  throw new Failure('usage', `the patch of ${kind} ${metadata.name} names ${path}, which is not there`, {
    next: 'correct patches in your settings, then npm run synth',
  })
}

function set(object: KubeObject, path: string, value: unknown, insert: boolean): void {
  const { parent, key } = parentOf(object, path)
  if (!Array.isArray(parent)) parent[key] = value
  else if (key === '-') parent.push(value)
  else parent.splice(Number(key), insert ? 0 : 1, value)
}

function remove(object: KubeObject, path: string): void {
  const { parent, key } = parentOf(object, path)
  if (Array.isArray(parent)) parent.splice(Number(key), 1)
  else delete parent[key]
}
