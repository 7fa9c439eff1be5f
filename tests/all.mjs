// Format, lint, types and tests in one go. The last line counts every check and every test.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as debian from './support/debian-postgres.mjs'
import { endLeft, gateFolder, runFolder } from './support/left-processes.mjs'

const folder = await gateFolder()
let passed = 0
let failed = 0

function check(name, command, args, env = {}) {
  console.log(`\n── ${name}`)
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  return status === 0
}

function count(ok) {
  if (ok) passed += 1
  else failed += 1
}

async function vitest(name, paths, env, without = []) {
  const temporary = runFolder(folder)
  const report = join(folder, `${name.replaceAll(/\W+/g, '-')}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const left = without.map((pattern) => `--exclude=${pattern}`)
  const words = ['--no-install', 'vitest', 'run', ...reporters, ...left, ...paths]
  const ok = check(name, 'npx', words, { ...env, TMPDIR: temporary })
  let tests = { numPassedTests: 0, numFailedTests: 0 }
  try {
    tests = JSON.parse(readFileSync(report, 'utf8'))
  } catch (error) {
    console.error(`${name}: vitest left no report (${error.message})`)
  }
  passed += tests.numPassedTests
  // a run that broke outside any test is a failure too
  failed += tests.numFailedTests || (ok ? 0 : 1)
  const living = await endLeft(temporary)
  for (const command of living) console.error(`${name}: left behind and ended: ${command}`)
  failed += living.length
}

count(check('format and lint', 'npx', ['--no-install', 'biome', 'ci', '--error-on-warnings', '.']))
count(check('unused code', 'npx', ['--no-install', 'knip']))
count(check('types', 'npx', ['--no-install', 'tsc', '-p', '.']))
await vitest('tests', [], {})
const warmOrCold = ['api', 'results', 'processes', 'windmill-client', 'stream'].map(
  (name) => `tests/runner/${name}.test.ts`,
)
await vitest(
  'tests without warm processes',
  [...warmOrCold, 'tests/stack/commands.test.ts', 'tests/stack/doors.test.ts'],
  {
    HAI_COLD: '1',
  },
)
if (debian.isThere()) {
  await debian.withServer((url) =>
    vitest("tests on Debian's PostgreSQL 15", ['tests/core'], { TEST_DATABASE_URL: url }, [
      'tests/core/{plans,intents,dates,doors-fuzz,linear,text,normal,todo-text}*',
    ]),
  )
} else {
  console.log("\n── Debian's PostgreSQL 15 is not on this machine; its run is left out")
}

rmSync(folder, { recursive: true, force: true })
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
