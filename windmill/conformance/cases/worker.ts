import assert from 'node:assert/strict'
import { type Case, LeftOut, type Server } from '../server.ts'

/** The worker's own, with Windmill's database among it; and what nobody may come to rely on. */
const NOT_FOR_JOBS = /^(WM_|BASE_|BUN_|DATABASE_URL$|WHITELIST_ENVS$|WORKER_GROUP$|MODE$|SHELL$|USER$|PWD$)/

/** Starts a job, waits until it prints, ends it, and tells what its log says in the end. */
async function cancelled(server: Server, script: string): Promise<string> {
  const id = await server.start(script)
  const log = async () => (await server.call(`jobs_u/get_logs/${id}`)).text
  await server.until(async () => (await log()).includes('began'), `${script} runs`)
  await server.call(`jobs_u/queue/cancel/${id}`, { body: { reason: 'enough' } })
  const { result, canceled } = (await server.completed(id)) as {
    result: { error: { message: string } }
    canceled: boolean
  }
  assert.equal(canceled, true)
  const words = `job process terminated due to cancelled by ${server.username} (reason: enough)`
  assert.equal(result.error.message.split('\n').at(-1), words)
  return log()
}

/** What a worker gives a job, and how it ends one. */
export const WORKER_CASES: Case[] = [
  {
    name: 'gives a job a worker’s environment, and of the worker’s own only what is whitelisted',
    async run(server) {
      const { json } = await server.wait('environment')
      const { names, zone, scheduledFor } = json as { names: string[]; zone: string; scheduledFor: string }
      assert.deepEqual(
        WORKER_NAMES.filter((name) => !names.includes(name)),
        [],
      )
      const more = names.filter((name) => !WORKER_NAMES.includes(name))
      assert.deepEqual(
        more.filter((name) => NOT_FOR_JOBS.test(name)),
        [],
      )
      // Bun 1.3 has this name for a clock that nobody set
      assert.match(zone, /^(UTC|Etc\/Unknown)$/)
      assert.match(scheduledFor, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    },
  },
  {
    name: 'kills a cancelled job at once, with no signal that it could hear',
    async run(server) {
      assert.doesNotMatch(await cancelled(server, 'hears'), /SIG/)
    },
  },
  {
    name: 'sends a cancelled job of the tag hai-work a SIGINT, and waits for it: MAX_WAIT_FOR_SIGINT',
    async run(server) {
      const { json } = await server.call('/workers/exists_workers_with_tags?tags=hai-work')
      if ((json as Record<string, boolean> | undefined)?.['hai-work'] === false)
        throw new LeftOut('no worker serves the tag hai-work')
      const log = await cancelled(server, 'hears_work')
      assert.match(log, /SIGINT/)
      assert.doesNotMatch(log, /SIGTERM/)
    },
  },
  {
    name: 'goes on running a script that was archived',
    async run(server) {
      await server.deploy('archived', 'export async function main() { return "still here" }')
      const gone = await server.call(`scripts/archive/p/${server.path('archived')}`, {
        method: 'POST',
        body: {},
      })
      assert.ok(gone.status < 300, gone.text)
      assert.equal((await server.wait('archived')).json, 'still here')
    },
  },
]

/** All that a Bun job of Windmill 1.721 finds in its environment, but for what its worker's whitelist names. */
export const WORKER_NAMES = [
  ...['PATH', 'HOME', 'TZ', 'FORCE_COLOR', 'DO_NOT_TRACK', 'BASE_URL'],
  ...['BUN_INSTALL_CACHE_DIR', 'BUN_RUNTIME_TRANSPILER_CACHE_PATH'],
  ...['WM_BASE_URL', 'WM_EMAIL', 'WM_END_USER_EMAIL', 'WM_FLOW_JOB_ID', 'WM_FLOW_PATH', 'WM_FLOW_STEP_ID'],
  ...['WM_JOB_ID', 'WM_JOB_PATH', 'WM_OBJECT_PATH', 'WM_PERMISSIONED_AS', 'WM_ROOT_FLOW_JOB_ID'],
  ...['WM_ROOT_JOB_ID', 'WM_RUNNABLE_ID', 'WM_SCHEDULED_FOR', 'WM_SCHEDULE_PATH', 'WM_STATE_PATH'],
  ...['WM_TESTED_RUNNABLE', 'WM_TOKEN', 'WM_USERNAME', 'WM_WORKER_GROUP', 'WM_WORKSPACE'],
]
