// Compiling the bundle takes a quarter of the time of `hai todo ls`. So the build runs this file as a program
// (`node cli/code-cache.cjs build/hai.cjs`), which keeps the compiled form beside the bundle for bin.cjs to load.
const fs = require('node:fs')
const { createRequire, Module } = require('node:module')
const { basename, dirname, join, resolve } = require('node:path')
const { Script } = require('node:vm')

/** The exports of a CommonJS file, from its compiled form where there is one of just this file. */
function load(file) {
  const cache = cacheOf(file)
  return isOurs(cache, file) ? compile(file, fs.readFileSync(cache)).exports : require(file)
}

/** Whether it is there, and nobody but the owner of the bundle can have written it: V8 runs what it says. */
function isOurs(cache, file) {
  const found = fs.statSync(cache, { throwIfNoEntry: false })
  return found !== undefined && (found.mode & 0o022) === 0 && found.uid === fs.statSync(file).uid
}

/** Another version of Node does not take the compiled form, and compiles as if there were none. */
function compile(file, cachedData) {
  const script = new Script(Module.wrap(fs.readFileSync(file, 'utf8')), { filename: file, cachedData })
  const module = { exports: {} }
  script.runInThisContext()(module.exports, lateRequire(createRequire(file)), module, file, dirname(file))
  return { script, exports: module.exports }
}

/** Of Node's own modules those that take milliseconds to load, and of which most commands need nothing. */
const HEAVY = new Set(['node:child_process', 'node:crypto'])

/** A `require` that loads what is heavy at its first use, and not where a file names it. */
function lateRequire(require) {
  return (id) => (HEAVY.has(id) ? new Proxy({}, { get: (_, name) => require(id)[name] }) : require(id))
}

// V8 compares no more than lengths, so the name must tell one build from the next.
function cacheOf(file) {
  return `${file}.${Math.trunc(fs.statSync(file).mtimeMs)}.cache`
}

const at = '2026-01-01T00:00:00.000Z'
const ANSWERS = {
  'todo/list': { todos: [] },
  inbox: { task_id: 'task', status: 'accepted', conversation_id: 'conversation', job_id: 'job' },
  'task/events': {
    events: ['accepted', 'claimed', 'done'].map((type, n) => ({
      seq: n + 1,
      at,
      type,
      text: type,
      data: {},
    })),
    state: 'done',
    last_seq: 3,
    outcome: { id: 'task', state: 'done', output: 'ready' },
  },
}
const STREAM = `${JSON.stringify({ id: 'task', at: 0, text: 'ready' })}\n${JSON.stringify({ id: 'task', end: true })}\n`

/** Runs what is run most, so that it is compiled, against a server that knows just that; then keeps the result. */
async function write(file) {
  // A script from a cache has no import() on Node 20.
  if (/\bimport\(/.test(fs.readFileSync(file, 'utf8'))) {
    throw new Error(`${file} has import(); build it with esbuild's supported: { 'dynamic-import': false }`)
  }
  const { script, exports } = compile(file)
  const home = fs.mkdtempSync(join(require('node:os').tmpdir(), 'hai-build-'))
  const server = require('node:http').createServer(({ url }, response) => {
    const [, door] = url.split('?')[0].split('/f/hai/')
    if (door) response.end(JSON.stringify(ANSWERS[door]))
    else response.end(`data: ${JSON.stringify({ type: 'update', new_result_stream: STREAM })}\n\n`)
  })
  try {
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
    const endpoint = `http://127.0.0.1:${server.address().port}`
    const run = async (argv, env) => {
      const status = await exports.main(argv, quietIo({ HOME: home, HAI_TOKEN: 'build', ...env }))
      if (status !== 0) throw new Error(`hai ${argv.join(' ')} ended with ${status} during the build`)
    }
    await run(['todo', 'ls'], { HAI_ENDPOINT: endpoint, HAI_WORKSPACE: 'build' })
    await run(['ask', 'ready?'], { HAI_ENDPOINT: endpoint, HAI_WORKSPACE: 'build' })
    // as most who use a server have it
    const folder = join(home, '.config', 'hai')
    fs.mkdirSync(folder, { recursive: true })
    const profiles = `profile: build\nprofiles:\n  build: { endpoint: '${endpoint}', workspace: build }\n`
    fs.writeFileSync(join(folder, 'config.yaml'), profiles, { mode: 0o600 })
    await run(['todo', 'ls'], {})
  } finally {
    server.close()
    fs.rmSync(home, { recursive: true })
  }
  keep(file, script.createCachedData())
}

function quietIo(env) {
  const { Writable } = require('node:stream')
  const silent = () => new Writable({ write: (_chunk, _encoding, done) => done() })
  return {
    stdout: silent(),
    stderr: silent(),
    stdinKind: async () => 'none',
    isFed: () => false,
    onInterrupt: () => () => {},
    env,
    cwd: env.HOME,
  }
}

function keep(file, data) {
  const folder = dirname(file)
  const caches = fs
    .readdirSync(folder)
    .filter((name) => name.startsWith(basename(file)) && name.endsWith('.cache'))
  for (const name of caches) fs.rmSync(join(folder, name), { force: true })
  const draft = `${cacheOf(file)}.${process.pid}`
  fs.writeFileSync(draft, data, { mode: 0o644 })
  fs.renameSync(draft, cacheOf(file))
}

module.exports = { load }
if (require.main === module) write(resolve(process.argv[2]))
