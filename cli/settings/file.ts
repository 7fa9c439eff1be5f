import { rmSync } from 'node:fs'
import { type Document, isMap, parseDocument } from 'yaml'
import { Failure } from '../failure.ts'
import { readBytes, writePrivate } from '../files.ts'

/**
 * A settings file of the operator's as a document that keeps their comments and their order; an empty one when there is
 * none. What is no YAML in UTF-8, or no map, is refused; `expected` says what was.
 */
export function openSettings(file: string, expected: string): Document {
  const document: Document = parseDocument(textOf(file) ?? '')
  const [error] = document.errors
  if (error)
    throw new Failure('usage', `${file} is not YAML: ${error.message.split('\n')[0]}; nothing was changed`)
  document.contents ??= document.createNode({})
  if (isMap(document.contents)) return document
  throw new Failure('usage', `${file}: expected ${expected}; nothing was changed`)
}

/** Writes an opened file back when `edit` made a difference; false when it made none, and the file is left alone. */
export function editSettings(file: string, document: Document, edit: (document: Document) => void): boolean {
  const before = JSON.stringify(document.toJS())
  edit(document)
  if (JSON.stringify(document.toJS()) === before) return false
  try {
    writePrivate(file, document.toString())
  } catch (cause) {
    throw new Failure('usage', `cannot write ${file}: ${(cause as Error).message}`, { cause })
  }
  return true
}

/** Puts back what a file was before, be it that there was none. */
export function restore(file: string, before: string | undefined): void {
  if (before === undefined) rmSync(file)
  else writePrivate(file, before)
}

/** What a settings file says; undefined when there is none. */
export function textOf(file: string): string | undefined {
  const bytes = readBytes(file)
  if (bytes === undefined) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new Failure('usage', `${file} is not UTF-8; nothing was changed`, {
      cause,
      next: 'save it as UTF-8, then the same again',
    })
  }
}
