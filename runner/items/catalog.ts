import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Bundle, Script } from './bundle.ts'
import { signatureOf } from './signature.ts'
import type { UploadedFlow, UploadedScript, Uploads } from './uploads.ts'

/** A script without a file: from a preview, a flow, or deployed by HTTP. */
export interface InlineScript {
  path: string
  content: string
  tag?: string
  timeout?: number
}

/** A script as clients see it. */
export interface ScriptView extends UploadedScript {
  hash: string
}

/** Everything that can be run: what the bundle holds, and before it what clients deployed by HTTP. */
export class Catalog {
  #bundle: Bundle
  #uploads: Uploads
  #hashes: { stamp: string; paths: Map<string, string> } | undefined

  constructor(bundle: Bundle, uploads: Uploads) {
    this.#bundle = bundle
    this.#uploads = uploads
  }

  /** Undefined when nothing lies at the path. */
  async script(path: string): Promise<Script | undefined> {
    const uploaded = this.#uploads.script(path)
    return uploaded ? this.inline(uploaded) : this.#bundle.find(path)
  }

  /** A script of its own; what it imports is looked for in the bundle, from its path on. */
  async inline({ path, content, tag, timeout }: InlineScript): Promise<Script> {
    const hash = hashOf(path, content)
    const file = join(this.#bundle.root, `${path}.inline-${hash}.ts`)
    const signature = await signatureOf(content)
    return { path, file, code: content, tag, timeout, signature }
  }

  scriptView(path: string): ScriptView | undefined {
    const script = this.#uploads.script(path) ?? this.#bundle.scriptView(path)
    return script && { ...script, hash: hashOf(path, script.content) }
  }

  /** By its hash; undefined when no script has it. */
  scriptByHash(hash: string): ScriptView | undefined {
    const path = this.#pathsByHash().get(hash)
    const script = path === undefined ? undefined : this.scriptView(path)
    return script?.hash === hash ? script : undefined
  }

  /** All scripts are read and hashed once for each state of the files, and not at each call of whoever likes to. */
  #pathsByHash(): Map<string, string> {
    const stamp = this.stamp()
    if (this.#hashes?.stamp !== stamp) {
      const views = this.scriptPaths().flatMap((path) => this.scriptView(path) ?? [])
      this.#hashes = { stamp, paths: new Map(views.map(({ hash, path }) => [hash, path])) }
    }
    return this.#hashes.paths
  }

  scriptPaths(): string[] {
    return [...new Set([...this.#bundle.scriptPaths(), ...this.#uploads.paths('scripts')])].sort()
  }

  flow(path: string): UploadedFlow | undefined {
    return this.#uploads.flow(path) ?? this.#bundle.flow(path)
  }

  flowPaths(): string[] {
    return [...new Set([...this.#bundle.flowPaths(), ...this.#uploads.paths('flows')])].sort()
  }

  /** All schedules or triggers, by path. */
  items(kind: 'schedule' | 'http_trigger'): [path: string, item: Record<string, unknown>][] {
    return [...this.#bundle.items(kind), ...this.#uploads.items(`${kind}s`)]
  }

  /** Another mark means that something may have changed; what is in files is looked up at most every 500 ms. */
  stamp(): string {
    return `${this.#uploads.revision} ${this.#bundle.stamp()}`
  }
}

/** Sixteen hexadecimal digits, as Windmill's. */
function hashOf(path: string, content: string): string {
  return createHash('sha256').update(`${path}\n${content}`).digest('hex').slice(0, 16)
}
