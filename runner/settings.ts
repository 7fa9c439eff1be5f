import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LineCounter, parseDocument } from 'yaml'
import { ApiError } from './api-error.ts'
import type { Executor } from './executor.ts'
import { OPERATOR } from './identity.ts'
import { settingsFolder } from './instance/file.ts'
import type { Bundle } from './items/bundle.ts'
import type { Items } from './items/items.ts'

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
function settingsText(name: string, env: Env): { text?: string; error?: string } {
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

/** The door that reads all settings anew and puts them in force. */
const READ = 'f/hai/config/show'
const TRIES = 3

interface WatchOptions {
  bundle: Bundle
  items: Items
  executor: Executor
  env: NodeJS.ProcessEnv
  log: (line: string) => void
  /** Called before they are read anew. */
  changed: () => void
}

/** Has the settings read before a door runs, when one of them is not what it was: what was saved is in force at the next command. */
export class SettingsWatch {
  #options: WatchOptions
  #inForce = ''
  #reading: Promise<boolean> | undefined
  #complaint = ''
  #shipped: { stamp: string; names: string[]; defaults: string } | undefined
  #referred: string[] = []

  constructor(options: WatchOptions) {
    this.#options = options
  }

  /** Resolves when what the files say is in force, or can't be brought in force; that is logged, and the next call tries again. */
  async settle(): Promise<void> {
    for (let tries = 0; tries < TRIES; tries++) {
      const mark = this.#mark()
      if (mark === this.#inForce) return
      this.#reading ??= this.#read(mark).finally(() => {
        this.#reading = undefined
      })
      if (!(await this.#reading)) return
    }
  }

  /** The files that are read, without their ending. */
  get names(): string[] {
    return this.#shipped?.names ?? []
  }

  /** Names of the environment that the settings refer to by `$env:NAME`. */
  get referred(): string[] {
    return this.#referred
  }

  async #read(mark: string): Promise<boolean> {
    const { bundle, executor, log, changed } = this.#options
    changed()
    let failure = ''
    // a bundle without that door has no settings
    if (await bundle.find(READ)) {
      const job = await executor.submit({ path: READ, args: {}, identity: OPERATOR })
      await job.done
      if (!job.success) failure = job.result?.slice(0, 500) ?? 'no result'
    }
    if (failure && failure !== this.#complaint) log(`the settings could not be read: ${failure}`)
    this.#complaint = failure
    // of before they were read: what was saved meanwhile makes it another
    if (!failure) this.#inForce = mark
    return !failure
  }

  /** The text of each file, as its time tells nothing: two saves may have the same one, and a copy may keep it. */
  #mark(): string {
    const { bundle, items, env } = this.#options
    const stamp = bundle.stamp()
    if (this.#shipped?.stamp !== stamp) this.#shipped = { stamp, ...shippedBy(bundle) }
    const { names, defaults } = this.#shipped
    const files = names.map((name) => settingsText(name, env))
    const set = items.settingsSet()
    this.#referred = referencesIn([defaults, set, ...files.map(({ text = '' }) => text)])
    return JSON.stringify([stamp, set, files])
  }
}

/** What the bundle lets an operator set, by the defaults that it ships. */
function shippedBy(bundle: Bundle): { names: string[]; defaults: string } {
  const shipped = bundle.items('resource').flatMap(([path, { resource_type, value }]) => {
    const [, name] = /^f\/hai\/([a-z_]+)$/.exec(path) ?? []
    return name && resource_type === `c_hai_${name}` ? [{ name, value }] : []
  })
  return { names: shipped.map(({ name }) => name), defaults: JSON.stringify(shipped) }
}

/** A file that is no YAML just now still refers to what it did: its text is looked through, without its comments. */
function referencesIn(texts: string[]): string[] {
  const lines = texts.flatMap((text) => text.split('\n')).filter((line) => !/^\s*#/.test(line))
  const found = lines.flatMap((line) => [...line.matchAll(/\$env:([A-Z][A-Z0-9_]*)/g)])
  return [...new Set(found.map(([, name = '']) => name))].sort()
}
