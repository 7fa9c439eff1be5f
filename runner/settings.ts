import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LineCounter, parseDocument } from 'yaml'
import { ApiError } from './api-error.ts'
import { settingsFolder } from './instance/file.ts'

type Env = Record<string, string | undefined>

/**
 * The operator's own `<name>.yaml`, read anew at each call; undefined when there is none, or nothing in it. 400 says
 * where it is no YAML, or why it can't be read.
 */
export function readSettings(name: string, env: Env): unknown {
  const text = textOf(join(settingsFolder(env), `${name}.yaml`))
  return text === undefined ? undefined : meaningOf(text)
}

/** The text of a settings file, or why it can't be read; neither where there is no file. */
export function settingsText(name: string, env: Env): { text?: string; error?: string } {
  try {
    const text = textOf(join(settingsFolder(env), `${name}.yaml`))
    return text === undefined ? {} : { text }
  } catch (error) {
    if (error instanceof ApiError) return { error: error.message }
    throw error
  }
}

function textOf(file: string): string | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && isDangling(file))
      throw new ApiError(400, 'it is a link to a file that is not there')
    if (code === 'ENOENT') return undefined
    throw new ApiError(400, `it can't be read: ${UNREADABLE[code] ?? (error as Error).message}`)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new ApiError(400, 'it is not UTF-8; save it as UTF-8')
  }
}

const UNREADABLE: Record<string, string> = {
  EACCES: 'the user that the stack runs as may not; change its mode or owner',
  EISDIR: 'it is a folder',
  ELOOP: 'it is a link to itself',
  ENOTDIR: 'its folder is a file',
}

function isDangling(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
}

function meaningOf(text: string): unknown {
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
    // a warning is of something that would be read as something else: a tag nobody knows
    const [error] = [...document.errors, ...document.warnings]
    if (error) {
      const { line, col } = lines.linePos(error.pos[0])
      const said = WORDS[error.code] ?? error.message
      throw new ApiError(400, `line ${line}, column ${col}: ${said}`)
    }
    const value: unknown = document.toJS() ?? undefined
    refuseWhatJsonLoses(value)
    return value
  } catch (error) {
    if (error instanceof ApiError) throw error
    // an alias of nothing, or one of a thousand; nesting without end
    throw new ApiError(400, `it is no YAML that can be read: ${(error as Error).message.split('\n')[0]}`)
  }
}

/** YAML can say more than what is handed on: there a number without end would be a null, a set would be empty. */
function refuseWhatJsonLoses(value: unknown, path: string[] = []): void {
  const plain = Array.isArray(value) || Object.getPrototypeOf(value ?? {}) === Object.prototype
  if (typeof value === 'object' ? !plain : typeof value === 'number' && !Number.isFinite(value)) {
    const shown = typeof value === 'number' ? value : 'a value of that type'
    throw new ApiError(
      400,
      `${path.join('.') || 'it'}: ${shown} is not accepted; expected text, a finite number, true, false, a list or a mapping`,
    )
  }
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) refuseWhatJsonLoses(inner, [...path, key])
}

/** The parser's words where they are not for who wrote the file. */
const WORDS: Partial<Record<string, string>> = {
  DUPLICATE_KEY: 'the same name is there twice; keep one',
  MULTIPLE_DOCS: 'a second document begins with ---; put all into one',
  TAB_AS_INDENT: 'a tab; YAML is indented with spaces',
}
