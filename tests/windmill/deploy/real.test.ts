import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import postgres from 'postgres'
import { afterAll, expect, inject, it } from 'vitest'
import { SCHEMA_VERSION } from '../../../f/hai/core/base/contract.ts'
import type { TaskList } from '../../../f/hai/core/task/shape.ts'
import { bunBinary, projectRoot } from '../../../runner/root.ts'
import { healthProblems, migrateDatabase, smokeTest } from '../../../windmill/deploy/jobs.ts'
import { WindmillServer } from '../../../windmill/server.ts'
import { stageBundle } from '../../../windmill/stage/stage.ts'
import { startStack } from '../../support/stack.ts'
import { StandIn } from '../stand-in.ts'

const folder = mkdtempSync(join(tmpdir(), 'hai-deploy-test-'))
symlinkSync(join(projectRoot(), 'node_modules'), join(folder, 'node_modules'))
const database = `bare_${process.pid}`
const admin = postgres(inject('databaseUrl'), { max: 1, onnotice: () => {} })

afterAll(async () => {
  await admin`drop database if exists ${admin(database)} with (force)`
  await admin.end()
  rmSync(folder, { recursive: true })
})

/** Runs a script as a worker does: a file of its own in Bun, with the packages of its lock beside it. */
async function asJob(content: string, windmill: StandIn, databaseUrl: string): Promise<unknown> {
  writeFileSync(join(folder, 'main.ts'), content)
  writeFileSync(
    join(folder, 'wrapper.ts'),
    "import { main } from './main.ts'\nconsole.log(JSON.stringify(await main()))\nprocess.exit(0)\n",
  )
  const env = {
    HAI_DATABASE_URL: databaseUrl,
    BASE_INTERNAL_URL: windmill.endpoint,
    WM_TOKEN: windmill.token,
    WM_WORKSPACE: 'homelab',
    WM_PERMISSIONED_AS: 'u/operator',
    WM_USERNAME: 'operator',
  }
  const { stdout } = await promisify(execFile)(bunBinary(), [join(folder, 'wrapper.ts')], {
    cwd: folder,
    env,
  })
  return JSON.parse(stdout)
}

it('migrates a bare database from a preview that carries all it needs of the bundle, and has nothing to do the next time', async () => {
  await admin`create database ${admin(database)}`
  const url = new URL(inject('databaseUrl'))
  url.pathname = `/${database}`
  const windmill = await new StandIn().start()
  windmill.doors['f/hai/admin/migrate'] = ({ content }) => asJob(String(content), windmill, url.href)
  const server = new WindmillServer({
    endpoint: windmill.endpoint,
    workspace: 'homelab',
    token: windmill.token,
  })
  const staged = join(folder, 'staged')
  await stageBundle(projectRoot(), staged, { onePool: false })
  expect(await migrateDatabase(server, staged)).toHaveLength(SCHEMA_VERSION)
  expect(await migrateDatabase(server, staged)).toEqual([])
  windmill.stop()
})

it('puts a task through real doors, which leaves one finished row and no todo', async () => {
  const stack = await startStack({ shared: true })
  const server = new WindmillServer(stack)
  expect(await smokeTest(server, new Map())).toBeLessThan(30)
  const { body } = await stack.call<TaskList>('f/hai/task/list', {})
  expect(body.tasks.map(({ source, state }) => [source, state])).toEqual([['test', 'done']])
  expect(await healthProblems(server, new Map())).toEqual(expect.any(Array))
})
