// Bundles the two programs that Node runs: Node 20 cannot run TypeScript, and one file starts sooner than many.
import { chmodSync } from 'node:fs'
import { build } from 'esbuild'

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
  external: ['windmill-parser-wasm-ts'],
  define: { 'import.meta.url': '__entry_url' },
  banner: { js: "const __entry_url=require('node:url').pathToFileURL(__filename).href;" },
}

await Promise.all([
  build({ ...common, entryPoints: ['cli/main.ts'], outfile: 'build/hai.cjs' }),
  build({ ...common, entryPoints: ['runner/main.ts'], outfile: 'build/runner.cjs' }),
])
chmodSync('cli/bin.cjs', 0o755)
