import { answers, overheadAlone } from './answers.ts'
import { cost } from './cost.ts'
import { runner } from './runner.ts'
import { serve } from './serve.ts'
import { server } from './server.ts'
import { spine } from './spine.ts'

const BENCHES: Record<string, () => Promise<void>> = {
  spine,
  answers,
  overhead: overheadAlone,
  runner,
  cost,
  serve,
  server,
}

const name = process.argv[2] ?? 'spine'
const bench = BENCHES[name]
if (bench) void bench()
else {
  console.error(`no bench ${name}; there is ${Object.keys(BENCHES).join(', ')}`)
  process.exitCode = 2
}
