// Format, lint, types and tests in one go; with --fast of the tests those of core and CLI that need no stack, with --peers
// what is tried in the programs of others, which are installed for it. What failed is named again at the end, after the
// files that took longest; the last line counts every check and every test.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { installPeers } from './peers/install/peers.mjs'
import { isThere } from './support/debian-postgres.mjs'
import { endLeft, gateFolder, runFolder } from './support/left-processes.mjs'

const folder = await gateFolder()
let passed = 0
const failed = []
const files = []

function run(name, command, args, env = {}) {
  console.log(`\n── ${name}`)
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  return status === 0
}

function check(name, ...command) {
  if (run(name, 'npx', ['--no-install', ...command])) passed += 1
  else failed.push(name)
}

async function vitest(name, projects, { paths = [], env } = {}) {
  const temporary = runFolder(folder)
  const report = join(folder, `${name.replaceAll(/\W+/g, '-')}.json`)
  const reporters = ['--reporter=default', '--reporter=./tests/support/report.mjs']
  const named = projects.map((project) => `--project=${project}`)
  const args = ['--no-install', 'vitest', 'run', ...reporters, ...named, ...paths]
  const ok = run(name, 'npx', args, { ...env, TMPDIR: temporary, HAI_TEST_REPORT: report })
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

const isPeers = process.argv.includes('--peers')
if (!isPeers) {
  check('format and lint', 'biome', 'ci', '--error-on-warnings', '.')
  check('unused code', 'knip')
  check('types', 'tsc', '-p', '.')
}
if (isPeers) {
  console.log('\n── the programs of others')
  const peers = await installPeers()
  for (const { file, why } of peers.leftOut) console.log(`${file} is left out: ${why}`)
  // in CI nothing may be missing; what should have come and did not is a failure anywhere
  const isCi = process.env.CI === 'true'
  const lacking = peers.leftOut.filter(({ isBroken }) => isBroken || isCi)
  failed.push(...lacking.map(({ file, why }) => `${file} could not run: ${why}`))
  if (peers.files.length > 0) await vitest('peers', ['peers'], { paths: peers.files, env: peers.env })
} else if (process.argv.includes('--fast')) {
  await vitest('tests of core and CLI', ['together'], {
    paths: ['tests/core/', 'tests/cli/', 'tests/house', 'tests/next-steps'],
  })
} else {
  if (!isThere()) console.log("\n── Debian's PostgreSQL 15 is not on this machine; its run is left out")
  await vitest('tests', ['apart', 'cold', 'together', ...(isThere() ? ['postgres-15'] : [])])
}
rmSync(folder, { recursive: true, force: true })

console.log('\n── what took longest')
for (const { file, ms } of files.sort((a, b) => b.ms - a.ms).slice(0, 10))
  console.log(`${(ms / 1000).toFixed(1).padStart(6)} s  ${file}`)
if (failed.length > 0) console.log(`\n── what failed\n${failed.join('\n')}`)
console.log(`\n${passed} passed, ${failed.length} failed`)
process.exitCode = failed.length === 0 ? 0 : 1
