import { type Dirent, readdirSync, statSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { parse } from 'yaml'
import { readText } from '../files.ts'
import { type Signature, signatureOf } from './signature.ts'
import type { UploadedFlow, UploadedScript } from './uploads.ts'

export interface Script {
  path: string
  /** Absolute path of the source. */
  file: string
  /** The source, when no file holds it. */
  code?: string
  tag: string | undefined
  /** Seconds after which a run is ended. */
  timeout: number | undefined
  /** Undefined when Windmill can't read main's signature. */
  signature: Signature | undefined
}

export type ItemKind = 'resource' | 'variable' | 'schedule' | 'http_trigger'

/** Windmill's paths end at the first dot of a file's name. */
const PATH = /^[fu](\/[\w-]+)+$/
const LOOK_EVERY_MS = 500
/** Whether it is of hai itself: what callers run, or what runs behind its HTTP routes. */
export const isOwn = (path: string) => /^f\/hai(_routes)?\//.test(path)
const FLOW_FILE = '__flow/flow.yaml'

/** The scripts and items below `f/` and `u/` of a folder, read as data and read anew when a file changes. */
export class Bundle {
  readonly root: string
  #stamp = ''
  #lookedAt = 0
  #scripts = new Map<string, Promise<Script | undefined>>()

  constructor(root: string) {
    this.root = root
    this.stamp()
  }

  /** A mark of the state of all files, looked up at most every 500 ms; another mark means that something changed. */
  stamp(): string {
    const now = Date.now()
    if (now - this.#lookedAt < LOOK_EVERY_MS) return this.#stamp
    this.#lookedAt = now
    const stamp = this.#files()
      // half of all files, and nothing here follows from one
      .filter((file) => !file.endsWith('.lock'))
      .map((file) => {
        const { mtimeMs, size } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: 0, size: 0 }
        return `${file} ${mtimeMs} ${size}`
      })
      .join('\n')
    if (stamp !== this.#stamp) this.#scripts.clear()
    this.#stamp = stamp
    return stamp
  }

  /** The script at a Windmill path such as `f/hai/todo/add`; undefined when there is none. */
  find(path: string): Promise<Script | undefined> {
    this.stamp()
    const known = this.#scripts.get(path)
    if (known) return known
    const script = this.#read(path)
    this.#scripts.set(path, script)
    // What isn't there, or can't be read, may be there the next moment.
    const forget = () => this.#scripts.delete(path)
    script.then((found) => found ?? forget(), forget)
    return script
  }

  /** The parsed file of a resource, variable or schedule; undefined when there is none. */
  item(path: string, kind: ItemKind): Record<string, unknown> | undefined {
    return PATH.test(path) ? this.#yaml(`${path}.${kind}.yaml`) : undefined
  }

  /** A script with its source and metadata, as clients see it. */
  scriptView(path: string): UploadedScript | undefined {
    const content = PATH.test(path) ? readText(join(this.root, `${path}.ts`)) : undefined
    if (content === undefined) return undefined
    const { summary, description, schema, tag, timeout } = this.#yaml(`${path}.script.yaml`) ?? {}
    return {
      path,
      content,
      summary: String(summary ?? ''),
      description: String(description ?? ''),
      schema: schema ?? {},
      tag: typeof tag === 'string' ? tag : undefined,
      timeout: typeof timeout === 'number' ? timeout : undefined,
    }
  }

  scriptPaths(): string[] {
    return this.#paths('.ts').filter((path) => PATH.test(path) && !path.includes('__flow/'))
  }

  /** A flow with its inline scripts filled in. */
  flow(path: string): UploadedFlow | undefined {
    const flow = PATH.test(path) ? this.#yaml(`${path}${FLOW_FILE}`) : undefined
    if (!flow) return undefined
    return {
      path,
      summary: String(flow.summary ?? ''),
      description: String(flow.description ?? ''),
      schema: flow.schema ?? {},
      value: this.#inlined(flow.value, join(this.root, `${path}__flow`)),
    }
  }

  flowPaths(): string[] {
    return this.#paths(FLOW_FILE)
  }

  #inlined(value: unknown, folder: string): unknown {
    if (typeof value === 'string') {
      const [, name] = /^!inline (.+)$/.exec(value) ?? []
      return name === undefined ? value : (readText(join(folder, name)) ?? value)
    }
    if (Array.isArray(value)) return value.map((entry) => this.#inlined(entry, folder))
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).map(([key, entry]) => [key, this.#inlined(entry, folder)])
    return Object.fromEntries(entries)
  }

  /** All items of a kind by path. */
  items(kind: ItemKind): [path: string, item: Record<string, unknown>][] {
    const ending = `.${kind}.yaml`
    return this.#paths(ending).flatMap((path) => {
      const item = this.item(path, kind)
      return item ? [[path, item] as [string, Record<string, unknown>]] : []
    })
  }

  #paths(ending: string): string[] {
    const files = this.#files().filter((file) => file.endsWith(ending))
    return files.map((file) => relative(this.root, file).slice(0, -ending.length).split(sep).join('/'))
  }

  async #read(path: string): Promise<Script | undefined> {
    // the steps of a flow are no scripts
    if (!PATH.test(path) || path.includes('__flow/')) return undefined
    for (const ending of ['.ts', '.bun.ts']) {
      const file = join(this.root, `${path}${ending}`)
      const source = readText(file)
      if (source === undefined) continue
      const metadata = this.#yaml(`${path}.script.yaml`) ?? {}
      return {
        path,
        file,
        tag: typeof metadata.tag === 'string' ? metadata.tag : undefined,
        timeout: typeof metadata.timeout === 'number' && metadata.timeout > 0 ? metadata.timeout : undefined,
        signature: await signatureOf(source),
      }
    }
    return undefined
  }

  #yaml(file: string): Record<string, unknown> | undefined {
    const text = readText(join(this.root, file))
    if (text === undefined) return undefined
    let content: unknown
    try {
      content = parse(text)
    } catch (error) {
      throw new Error(`${file} is not YAML: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      })
    }
    if (typeof content !== 'object' || content === null || Array.isArray(content)) {
      throw new Error(`${file} holds no mapping of keys; see how its neighbours are written`)
    }
    return content as Record<string, unknown>
  }

  #files(): string[] {
    return ['f', 'u'].flatMap((folder) => filesBelow(join(this.root, folder)))
  }
}

function filesBelow(folder: string): string[] {
  let entries: Dirent[]
  try {
    entries = readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesBelow(path)
    return [path]
  })
}
