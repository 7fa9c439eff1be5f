import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { projectRoot } from '../root.ts'

/** What an expression may name. */
export interface Scope {
  /** `flow_input`, `results`, `previous_result`, `result`, `error`, … */
  values: Record<string, unknown>
  /** For `variable('path')` and `resource('path')`. */
  variable: (path: string) => unknown
  resource: (path: string) => unknown
}

/** An expression that can't be evaluated; the message holds it. */
export class ExpressionError extends Error {
  constructor(expression: string, reason: string) {
    super(`Error during evaluation of expression \`${expression}\`: ${reason}`)
    this.name = 'ExpressionError'
  }
}

const PATIENCE_MS = 5_000
const MEMORY_MB = 64

/** The values of a flow's expressions, in their order. They see the scope and nothing of this process. */
export async function evaluate(expressions: string[], scope: Scope): Promise<unknown[]> {
  if (expressions.length === 0) return []
  const known = {
    variable: named(expressions, 'variable', scope.variable),
    resource: named(expressions, 'resource', scope.resource),
  }
  const text = JSON.stringify({ values: scope.values, known })
  const answers = await inWorker({ expressions, scope: text })
  return answers.map((answer, index) => {
    const { value, error } = JSON.parse(answer) as { value?: unknown; error?: string }
    if (error !== undefined) throw new ExpressionError(expressions[index]!, error)
    return value
  })
}

/** What expressions name by plain strings is read before they run: no function of ours gets in there. */
function named(
  expressions: string[],
  kind: 'variable' | 'resource',
  read: (path: string) => unknown,
): Record<string, unknown> {
  const pattern = new RegExp(`\\b${kind}\\(\\s*(['"\`])([^'"\`]+)\\1\\s*\\)`, 'g')
  const paths = expressions.flatMap((expression) =>
    [...expression.matchAll(pattern)].map((match) => match[2]!),
  )
  return Object.fromEntries(paths.map((path) => [path, read(path)]))
}

async function inWorker(workerData: { expressions: string[]; scope: string }): Promise<string[]> {
  const worker = new Worker(join(projectRoot(), 'runner', 'flows', 'evaluate.mjs'), {
    workerData,
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB, maxYoungGenerationSizeMb: MEMORY_MB / 4 },
  })
  const timer = setTimeout(() => worker.terminate(), PATIENCE_MS)
  try {
    return await new Promise<string[]>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', () => reject(new Error('it took too long')))
    })
  } catch (error) {
    throw new ExpressionError(workerData.expressions.join(', '), (error as Error).message)
  } finally {
    clearTimeout(timer)
    await worker.terminate()
  }
}
