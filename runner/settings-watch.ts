import type { Executor } from './executor.ts'
import { OPERATOR } from './identity.ts'
import type { Bundle } from './items/bundle.ts'
import type { Items } from './items/items.ts'
import { settingsText } from './settings.ts'

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
    const [, name] = /^f\/hai\/([a-z]+)$/.exec(path) ?? []
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
