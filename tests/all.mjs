// Format, lint, types and tests in one go; with --fast only what needs no stack, with --peers what is tried in the programs
// of others, which are installed for it. What failed is named again at the end, after the files that took longest; the
// last line counts every check and every test.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { installPeers } from './peers/install/peers.mjs'
import * as debian from './support/debian-postgres.mjs'
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

async function vitest(name, paths, { env, without = [] } = {}) {
  const temporary = runFolder(folder)
  const report = join(folder, `${name.replaceAll(/\W+/g, '-')}.json`)
  const reporters = ['--reporter=default', '--reporter=./tests/support/report.mjs']
  const left = without.map((pattern) => `--exclude=${pattern}`)
  const args = ['--no-install', 'vitest', 'run', ...reporters, ...left, ...paths]
  const ok = run(name, 'npx', args, { ...env, TMPDIR: temporary, HAI_TEST_REPORT: report })
  try {
    const { passed: more, failed: faults, files: ran } = JSON.parse(readFileSync(report, 'utf8'))
    passed += more
    failed.push(...faults.map((fault) => `${name}: ${fault}`))
    files.push(...ran.map(({ file, ms }) => ({ file: name === 'tests' ? file : `${file} (${name})`, ms })))
    if (!ok && faults.length === 0) failed.push(`${name}: vitest ended with an error`)
  } catch (error) {
    failed.push(`${name}: vitest left no report (${error.message})`)
  }
  const living = await endLeft(temporary)
  failed.push(...living.map((command) => `${name}: left behind and ended: ${command}`))
}

const PEERS = 'tests/peers/**'
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
  if (peers.files.length > 0) await vitest('peers', peers.files, { env: peers.env })
} else if (process.argv.includes('--fast')) {
  await vitest('tests without a stack', [], {
    without: [
      PEERS,
      'tests/{evening,stack,windmill}/**',
      'tests/{cli/hai-sh,worker/!(main)}*',
      'tests/runner/{*,flows/*,items/*,postgres/*,process/!(output),instance/!(log),http/!(updates)}.test.ts',
      'tests/core/surface/!(inbox)*',
      'tests/core/{doors-fuzz,base/linear,task/plans,task/state_machine}*',
      'tests/core/model/{kill,doors,ask}*',
      'tests/cost/{stack,page}*',
    ],
  })
} else {
  await vitest('tests', [], { without: [PEERS] })
  const warmOrCold = ['http/api', 'http/results', 'process/processes', 'http/stream'].map(
    (name) => `tests/runner/${name}.test.ts`,
  )
  await vitest('tests without warm processes', warmOrCold, { env: { HAI_COLD: '1' } })
  if (debian.isThere()) {
    await debian.withServer((url) =>
      vitest("tests on Debian's PostgreSQL 15", ['tests/core'], {
        env: { HAI_TEST_DATABASE_URL: url },
        // what asks no database, or nothing that the others don't
        without: [
          'tests/core/{model,cost}/**',
          'tests/core/surface/!(inbox)*',
          'tests/core/{doors-fuzz,todo/text,builtin/intents}*',
          'tests/core/base/{address,arguments,caller,cursor,dates,errors,ids,linear,network,normal,outage,text}*',
          'tests/core/task/{envelope,long_history,member_sight,plans,state_machine}*',
        ],
      }),
    )
  } else {
    console.log("\n── Debian's PostgreSQL 15 is not on this machine; its run is left out")
  }
}
rmSync(folder, { recursive: true, force: true })

console.log('\n── what took longest')
for (const { file, ms } of files.sort((a, b) => b.ms - a.ms).slice(0, 10))
  console.log(`${(ms / 1000).toFixed(1).padStart(6)} s  ${file}`)
if (failed.length > 0) console.log(`\n── what failed\n${failed.join('\n')}`)
console.log(`\n${passed} passed, ${failed.length} failed`)
process.exitCode = failed.length === 0 ? 0 : 1
