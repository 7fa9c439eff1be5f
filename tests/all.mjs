// Format, lint, types and tests in one go; with --fast of the tests those of core and CLI that need no stack, with --peers
// what is tried in the programs of others, which are installed for it. What failed is named again at the end, after the
// files that took longest; the last line counts every check and every test.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { installPeers } from './peers/install/peers.mjs'
import { isThere } from './support/debian-postgres.mjs'
import { endLeft, gateFolder, runFolder } from './support/left-processes.mjs'

const folder = await gateFolder()
let passed = 0
const failed = []
const files = []

/** Where npm puts the programs that the project names. */
const program = (name) => join('node_modules', '.bin', name)

/** Runs a program in this one's terminal, or gives what it said where it shall not come between what others say. */
async function run(name, args, { env = {}, stdio = 'inherit' } = {}) {
  const child = spawn(program(name), args, { stdio, env: { ...process.env, ...env } })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => {
      said += chunk
    })
  const [status] = await once(child, 'close')
  return { ok: status === 0, said }
}

async function check(name, command, ...args) {
  const { ok, said } = await run(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  console.log(`\n── ${name}\n${said}`.trimEnd())
  if (ok) passed += 1
  else failed.push(name)
}

/** What needs a core takes turns, beside tests that wait for something most of the time. */
async function checks() {
  await check('format and lint', 'biome', 'ci', '--error-on-warnings', '.')
  await check('unused code', 'knip')
  // by several threads it would read the same types several times
  await check('types', 'tsc', '-p', '.', '--singleThreaded')
}

async function vitest(name, projects, { paths = [], env } = {}) {
  const temporary = runFolder(folder)
  const report = join(folder, `${name.replaceAll(/\W+/g, '-')}.json`)
  const reporters = ['--reporter=default', '--reporter=./tests/support/report.mjs']
  const named = projects.map((project) => `--project=${project}`)
  console.log(`\n── ${name}`)
  const args = ['run', ...reporters, ...named, ...paths]
  const { ok } = await run('vitest', args, { env: { ...env, TMPDIR: temporary, HAI_TEST_REPORT: report } })
  try {
    const { passed: more, failed: faults, files: ran } = JSON.parse(readFileSync(report, 'utf8'))
    passed += more
    failed.push(...faults.map((fault) => `${name}: ${fault}`))
    files.push(...ran)
    if (!ok && faults.length === 0) failed.push(`${name}: vitest ended with an error`)
  } catch (error) {
    failed.push(`${name}: vitest left no report (${error.message})`)
  }
  const living = await endLeft(temporary)
  failed.push(...living.map((command) => `${name}: left behind and ended: ${command}`))
}

if (process.argv.includes('--peers')) {
  console.log('\n── the programs of others')
  const peers = await installPeers()
  for (const { file, why } of peers.leftOut) console.log(`${file} is left out: ${why}`)
  // in CI nothing may be missing; what should have come and did not is a failure anywhere
  const isCi = process.env.CI === 'true'
  const lacking = peers.leftOut.filter(({ isBroken }) => isBroken || isCi)
  failed.push(...lacking.map(({ file, why }) => `${file} could not run: ${why}`))
  if (peers.files.length > 0) await vitest('peers', ['peers'], { paths: peers.files, env: peers.env })
} else if (process.argv.includes('--fast')) {
  const paths = ['tests/core/', 'tests/cli/', 'tests/house', 'tests/next-steps']
  await Promise.all([checks(), vitest('tests of core and CLI', ['together'], { paths })])
} else {
  if (!isThere()) console.log("\n── Debian's PostgreSQL 15 is not on this machine; its run is left out")
  const projects = ['apart', 'cold', 'stacks', 'together', ...(isThere() ? ['postgres-15'] : [])]
  await Promise.all([checks(), vitest('tests', projects)])
}
rmSync(folder, { recursive: true, force: true })

console.log('\n── what took longest')
for (const { file, ms } of files.sort((a, b) => b.ms - a.ms).slice(0, 10))
  console.log(`${(ms / 1000).toFixed(1).padStart(6)} s  ${file}`)
if (failed.length > 0) console.log(`\n── what failed\n${failed.join('\n')}`)
console.log(`\n${passed} passed, ${failed.length} failed`)
process.exitCode = failed.length === 0 ? 0 : 1
