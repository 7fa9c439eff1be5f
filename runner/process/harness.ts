// Runs in Bun, one job at a time: orders come on stdin, answers go to file descriptor 3, stdout and stderr are the
// job's log. It ends when stdin closes, as the runner is gone then.
import { writeSync } from 'node:fs'
import { type Answer, type Order, RESULT_LIMIT } from './protocol.ts'

declare const Bun: {
  plugin(plugin: { name: string; setup(build: PluginBuilder): void }): void
}

interface PluginBuilder {
  onResolve(where: { filter: RegExp }, resolve: (args: { path: string }) => { path: string }): void
  onLoad(where: { filter: RegExp }, load: () => { contents: string; loader: 'ts' }): void
}

const ANSWERS = 3
const SHAPING = ['windmill_status_code', 'windmill_headers', 'windmill_content_type', 'wm_failure']
const home = process.cwd()
// the flag that binds it to the runner shows there too
const { BUN_FEATURE_FLAG_NO_ORPHANS: _, ...environment } = process.env

async function perform(order: Order): Promise<void> {
  setEnvironment(order.env)
  answer({ type: 'started', id: order.id })
  let success = false
  let shaped = false
  let text: string
  try {
    const result = await callMain(order)
    text = serialize(result)
    shaped = isShaped(result)
    success = true
  } catch (error) {
    console.error(error)
    const step = order.env.WM_FLOW_STEP_ID
    text = serialize({ error: { ...describe(error), ...(step ? { step_id: step } : {}) } })
  }
  endLog(1, order.mark)
  endLog(2, order.mark)
  answer({ type: 'ended', id: order.id, success, shaped }, text)
  cleanUp()
}

async function callMain(order: Order): Promise<unknown> {
  if (order.code !== undefined) provide(order.file, order.code)
  const script = (await import(order.file)) as Record<'main' | 'preprocessor', unknown>
  if (typeof script.main !== 'function') throw new Error('main function is missing')
  const { parameters, path } = order
  // Only now: a script that doesn't compile has failed with the compiler's own words.
  if (!parameters) {
    throw new SyntaxError(`the signature of main in ${path} cannot be read: write plain, named parameters`)
  }
  const named = order.event ? await preprocess(script.preprocessor, order) : order.args
  const result: unknown = await script.main(
    ...parameters.map(({ name, date }) => {
      const value = Object.hasOwn(named, name) ? named[name] : undefined
      return date && value !== undefined && value !== null ? new Date(value as string) : value
    }),
  )
  return isStream(result) ? stream(result) : result
}

/** A script without a file is loaded as if it had one, so that its imports are found. */
function provide(file: string, contents: string): void {
  const filter = new RegExp(`${file.replaceAll(/[^\w/]/g, '\\$&')}$`)
  Bun.plugin({
    name: 'a script without a file',
    setup(build) {
      build.onResolve({ filter }, () => ({ path: file }))
      build.onLoad({ filter }, () => ({ contents, loader: 'ts' }))
    },
  })
}

async function preprocess(preprocessor: unknown, { id, event }: Order): Promise<Record<string, unknown>> {
  if (typeof preprocessor !== 'function') throw new Error('preprocessor function is missing')
  const args: unknown = await preprocessor(event)
  if (typeof args !== 'object' || args === null || Array.isArray(args)) {
    throw new TypeError('the preprocessor returned no object; return the arguments of main by name')
  }
  answer({ type: 'preprocessed', id, args: args as Record<string, unknown> })
  return args as Record<string, unknown>
}

function isStream(result: unknown): result is AsyncIterable<unknown> {
  return typeof result === 'object' && result !== null && Symbol.asyncIterator in result
}

/** The runner makes the result of what was streamed. */
async function stream(chunks: AsyncIterable<unknown>): Promise<void> {
  for await (const chunk of chunks) {
    if (typeof chunk !== 'string')
      throw new TypeError(`main yielded a ${typeof chunk}; a stream is of strings`)
    console.log(`WM_STREAM: ${chunk.replaceAll('\n', '\\n')}`)
  }
}

function serialize(result: unknown): string {
  const text = JSON.stringify(result ?? null, (_key, value: unknown) => {
    if (typeof value === 'bigint') return value.toString()
    return value === undefined ? null : value
  })
  if (text === undefined) throw new Error(`main returned a ${typeof result}, which is not JSON`)
  if (text.length <= RESULT_LIMIT) return text
  throw new Error(`the result has ${text.length} characters, over the limit of ${RESULT_LIMIT}; return less`)
}

function isShaped(result: unknown): boolean {
  return typeof result === 'object' && result !== null && SHAPING.some((key) => Object.hasOwn(result, key))
}

/** An error as Windmill stores it; `extra` holds what else hangs on it, such as the code of a Postgres error. */
function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: 'Error', message: textOf(error) }
  const message = `${error.message}${placeOf(error)}`
  const described: Record<string, unknown> = { name: error.name, message, stack: error.stack }
  const extra = Object.getOwnPropertyNames(error)
    .filter((key) => !TOLD_APART.has(key))
    .map((key) => [key, (error as unknown as Record<string, unknown>)[key]])
  try {
    if (extra.length > 0) described.extra = JSON.parse(serialize(Object.fromEntries(extra)))
  } catch (reason) {
    described.extra = { unserializable: String(reason) }
  }
  return described
}

/** What an error as it is stored holds beside, or not at all. */
const TOLD_APART = new Set('name message stack line column sourceURL originalLine originalColumn'.split(' '))

/** Where the compiler found something wrong. */
function placeOf(error: Error): string {
  const { position } = error as { position?: { file?: string; line?: number; column?: number } | null }
  return position?.file && error.name === 'BuildMessage'
    ? ` (${position.file}:${position.line}:${position.column})`
    : ''
}

function textOf(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown
  const text = typeof thrown === 'object' ? JSON.stringify(thrown) : undefined
  return text ?? String(thrown)
}

function setEnvironment(job: Record<string, string>): void {
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name]
  // Bun takes an empty TZ for none, and would write one that is as the word undefined
  for (const [name, value = ''] of Object.entries({ ...environment, ...job })) {
    if ((process.env[name] ?? '') !== value || !(name in process.env)) process.env[name] = value
  }
}

/** What one job changed for the whole process must not meet the next. */
function cleanUp(): void {
  setEnvironment({})
  if (process.cwd() !== home) process.chdir(home)
}

/** A script may have closed it; the runner notices that the mark is missing. */
function endLog(descriptor: number, mark: string): void {
  try {
    writeAll(descriptor, mark)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBADF') throw error
  }
}

function answer(message: Answer, result?: string): void {
  const line = `${JSON.stringify(message)}\n`
  writeAll(ANSWERS, result === undefined ? line : `${line}${result}\n`)
}

function writeAll(descriptor: number, text: string): void {
  let rest = Buffer.from(text)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}

/** A script that can't be loaded says so when it is called. */
async function preload(files: string[]): Promise<void> {
  for (const file of files) await import(file).catch(() => undefined)
}

let pieces: Buffer[] = []
process.stdin.on('data', (chunk: Buffer) => {
  const end = chunk.indexOf(10)
  if (end < 0) {
    pieces.push(chunk)
    return
  }
  // The next order comes only after this one's answer, so nothing follows the line.
  const line = Buffer.concat([...pieces, chunk.subarray(0, end)]).toString()
  pieces = []
  void perform(JSON.parse(line) as Order)
})
process.stdin.on('end', () => process.exit(0))
void preload(process.argv.slice(2).filter((word) => word.endsWith('.ts')))
