import assert from 'node:assert/strict'
import type { Case, Reply, Server } from '../server.ts'

const computed = (expr: string) => ({ type: 'javascript', expr })
const fixed = (value: unknown) => ({ type: 'static', value })

function step(
  server: Server,
  id: string,
  script: string,
  input_transforms: object,
  more: object = {},
): object {
  return { id, value: { type: 'script', path: server.path(script), input_transforms }, ...more }
}

async function run(server: Server, name: string, modules: object[], more: object = {}): Promise<Reply> {
  await server.deployFlow(name, modules, more)
  return server.call(`jobs/run_wait_result/f/${server.path(name)}`, { body: { n: 3 } })
}

/** Flows of steps one after another. */
export const FLOW_CASES: Case[] = [
  {
    name: 'runs scripts and inline scripts in order, with computed and fixed arguments',
    async run(server) {
      const content = 'export async function main(twice: number, text: string) { return text + twice }'
      const input_transforms = { twice: computed('results.a.twice'), text: fixed('it is ') }
      const inline = { id: 'b', value: { type: 'rawscript', language: 'bun', content, input_transforms } }
      const first = step(server, 'a', 'double', { n: computed('flow_input.n') })
      const { status, json } = await run(server, 'flow_order', [first, inline])
      assert.deepEqual([status, json], [200, 'it is 6'])
    },
  },
  {
    name: 'shows a flow’s steps, and tells each which one it is',
    async run(server) {
      await server.deployFlow('flow_who', [step(server, 'a', 'who', {})])
      const { text: id } = await server.call(`jobs/run/f/${server.path('flow_who')}`, { body: {} })
      const flow = await server.completed(id)
      const { flow_status: status, result } = flow as {
        flow_status: { modules: { id: string; type: string; job: string }[] }
        result: Record<string, string>
      }
      assert.deepEqual([status.modules[0]?.id, status.modules[0]?.type], ['a', 'Success'])
      assert.deepEqual([result.WM_FLOW_STEP_ID, result.WM_FLOW_JOB_ID], ['a', id])
      const child = await server.completed(status.modules[0]!.job)
      assert.deepEqual([child.parent_job, child.is_flow_step], [id, true])
    },
  },
  {
    name: 'fails with the error of the step that failed',
    async run(server) {
      const { status, json } = await run(server, 'flow_fails', [step(server, 'a', 'throws', {})])
      const { error } = json as { error: { message: string } }
      assert.ok(status >= 400)
      assert.equal(error.message, 'too much')
    },
  },
  {
    name: 'goes on after a step that may fail, and stops after one that says so',
    async run(server) {
      const may = step(server, 'a', 'throws', {}, { continue_on_error: true })
      const last = step(server, 'b', 'double', { n: computed('flow_input.n') })
      assert.deepEqual((await run(server, 'flow_goes_on', [may, last])).json, { twice: 6 })
      const stops = { stop_after_if: { expr: 'result.twice > 3', skip_if_stopped: false } }
      const first = step(server, 'a', 'double', { n: fixed(2) }, stops)
      assert.deepEqual((await run(server, 'flow_stops', [first, last])).json, { twice: 4 })
    },
  },
  {
    name: 'hands a failure to the failure module',
    async run(server) {
      const handler = step(server, 'failure', 'echo', { a: computed('error.message') })
      const steps = [step(server, 'a', 'throws', {})]
      const { json } = await run(server, 'flow_handles', steps, { failure_module: handler })
      assert.equal((json as { a: string }).a, 'too much')
    },
  },
  {
    name: 'wraps the failure that a script returns, where the sync route unwraps it',
    since: '1.699.0',
    async run(server) {
      const shape = { wm_failure: 'no', windmill_status_code: 404, result: { error: { code: 'not_found' } } }
      await server.deployFlow('flow_failure', [step(server, 'a', 'shaped', { shape: fixed(shape) })])
      const { text: id } = await server.call(`jobs/run/f/${server.path('flow_failure')}`, { body: {} })
      const { success, result } = await server.completed(id)
      assert.equal(success, false)
      assert.equal((result as { error: { message: string } }).error.message, 'no')
    },
  },
]
