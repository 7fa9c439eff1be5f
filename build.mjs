// Bundles the programs that Node runs: Node 20 cannot run TypeScript, and one file starts sooner than many.
// Without arguments those that a user runs; `node build.mjs bench` the other one.
import { execFileSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { build } from 'esbuild'

// Under a lax umask another user could write what this one runs, V8's compiled form of it included.
process.umask(process.umask() | 0o022)

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
  // The parser reads its .wasm beside itself, so it stays a package.
  external: ['windmill-parser-wasm-ts', 'windmill-client', 'windmill-cli'],
  define: { 'import.meta.url': '__entry_url' },
  banner: { js: "const __entry_url=require('node:url').pathToFileURL(__filename).href;" },
}

const programs = {
  // What is loaded late becomes a lazy require: a script from V8's cache has no import() on Node 20.
  hai: { entryPoints: ['cli/main.ts'], supported: { 'dynamic-import': false } },
  runner: { entryPoints: ['runner/main.ts'] },
  // Apart from hai, which starts often and must be small.
  worker: { entryPoints: ['worker/main.ts'] },
  // What chat clients call, for hai serve and beside the local stack, which starts it.
  serve: { entryPoints: ['serve/main.ts'] },
  // The cluster's API, for hai gitops status alone.
  kubernetes: { entryPoints: ['cli/gitops/kubernetes.ts'] },
  bench: { entryPoints: ['bench/main.ts'] },
  windmill: { entryPoints: ['windmill/main.ts'], external: [...common.external, 'esbuild'] },
  synth: { entryPoints: ['cdk8s/main.ts'], external: ['ajv', '@kubernetes/client-node'] },
}
const wanted =
  process.argv.length > 2 ? process.argv.slice(2) : ['hai', 'runner', 'worker', 'serve', 'kubernetes']
await Promise.all(wanted.map((name) => build({ ...common, ...programs[name], outfile: `build/${name}.cjs` })))
if (wanted.includes('hai')) {
  execFileSync(process.execPath, ['cli/code-cache.cjs', 'build/hai.cjs'], { stdio: 'inherit' })
  chmodSync('cli/bin.cjs', 0o755)
}
