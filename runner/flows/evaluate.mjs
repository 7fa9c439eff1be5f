// Runs in a worker thread: evaluates a flow's expressions in a context that holds nothing of the host, not even an
// object made outside of it; JSON text goes in and comes out.
import vm from 'node:vm'
import { parentPort, workerData } from 'node:worker_threads'

const TIMEOUT_MS = 2_000

const context = vm.createContext(Object.create(null), {
  codeGeneration: { strings: false, wasm: false },
  microtaskMode: 'afterEvaluate',
})
const run = (code) => vm.runInContext(code, context, { timeout: TIMEOUT_MS })

// What these make lies outside of the heap, which is all that the worker's limit counts.
run(`for (const name of Object.getOwnPropertyNames(globalThis)) {
  if (/Array(Buffer)?$|^(DataView|Atomics|WebAssembly)$/.test(name) && name !== 'Array') delete globalThis[name]
}`)
run(`{
  const scope = JSON.parse(${JSON.stringify(workerData.scope)})
  const known = (kind) => (path) => {
    if (Object.hasOwn(scope.known[kind], path)) return scope.known[kind][path]
    throw new Error(kind + ' ' + path + ' is not there; name it by a plain string')
  }
  Object.assign(globalThis, scope.values, { variable: known('variable'), resource: known('resource') })
}`)

/** As an expression, else as the body of a function. */
function compiled(expression) {
  const whole = `(${expression}\n)`
  try {
    new vm.Script(whole)
    return whole
  } catch {
    return `(() => {${expression}\n})()`
  }
}

function evaluate(expression) {
  // The one way out: what refuses it is an object of the host.
  if (/\bimport\b/.test(expression)) return '{"error":"import is not allowed here"}'
  const guarded = `try { JSON.stringify({ value: ${compiled(expression)} ?? null }) }
    catch (error) { JSON.stringify({ error: String(error?.message ?? error) }) }`
  try {
    const text = run(guarded)
    return typeof text === 'string' ? text : '{"error":"it has no result"}'
  } catch (error) {
    return JSON.stringify({ error: error.message })
  }
}

parentPort.postMessage(workerData.expressions.map(evaluate))
