import { beforeAll, expect, inject, it } from 'vitest'
import { startStack, type TestStack } from '../support/stack.ts'
import { bundleFolder } from './bundle-folder.ts'

const EVERY_SECOND =
  'schedule: "* * * * * *"\ntimezone: Europe/Berlin\ncron_version: v2\nis_flow: false\nenabled: true\n'
const { root, write } = bundleFolder({
  'f/hai/tick.ts': `export function main(greeting: string) {
    const { WM_USERNAME, WM_SCHEDULE_PATH, WM_SCHEDULED_FOR, WM_STATE_PATH } = process.env
    return { greeting, WM_USERNAME, WM_SCHEDULE_PATH, WM_SCHEDULED_FOR, WM_STATE_PATH }
  }`,
  'u/operator/every_second.schedule.yaml': `${EVERY_SECOND}script_path: f/hai/tick\nargs: { greeting: $var:f/hai/greeting }\n`,
  'f/hai/greeting.variable.yaml': 'value: hello\n',
  'f/hai/slow.ts': 'export async function main() { await new Promise(() => {}) }',
  'f/hai/slow.schedule.yaml': `${EVERY_SECOND}script_path: f/hai/slow\n`,
  'f/hai/off.ts': 'export function main() {}',
  'f/hai/off.schedule.yaml': `${EVERY_SECOND.replace('enabled: true', 'enabled: false')}script_path: f/hai/off\n`,
  'f/hai/bad.schedule.yaml':
    'schedule: every day\ntimezone: Etc/UTC\nscript_path: f/hai/off\nis_flow: false\nenabled: true\n',
})

interface Listed {
  id: string
  created_at: string
}

let stack: TestStack

beforeAll(async () => {
  stack = await startStack({ bundle: root, databaseUrl: inject('databaseUrl') })
})

async function jobs(query: string): Promise<Listed[]> {
  return (await stack.request(`/api/w/hai/jobs/list?per_page=100&${query}`)).json() as Promise<Listed[]>
}

it('runs a script when it is due, in the name of the schedule, with references in its arguments resolved', async () => {
  const query = 'schedule_path=u/operator/every_second&success=true'
  await expect.poll(async () => (await jobs(query)).length).toBeGreaterThan(1)
  const [last] = await jobs(query)
  const result = await (await stack.request(`/api/w/hai/jobs_u/completed/get_result/${last!.id}`)).json()
  expect(result).toEqual({
    greeting: 'hello',
    WM_USERNAME: 'schedule-u-operator-every_second',
    WM_SCHEDULE_PATH: 'u/operator/every_second',
    WM_SCHEDULED_FOR: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    WM_STATE_PATH: 'f/hai/tick/schedule-u-operator-every_second',
  })
})

it('never overlaps itself, leaves out what is disabled, and survives a pattern that is none', async () => {
  const ticks = async () => (await jobs('schedule_path=u/operator/every_second')).length
  const before = await ticks()
  await expect.poll(ticks).toBeGreaterThan(before + 1)
  expect(await jobs('schedule_path=f/hai/slow')).toHaveLength(1)
  expect(await jobs('script_path_exact=f/hai/off')).toHaveLength(0)
})

it('follows a changed file', async () => {
  write('f/hai/off.schedule.yaml', `${EVERY_SECOND}script_path: f/hai/off\n`)
  await expect.poll(async () => (await jobs('script_path_exact=f/hai/off')).length).toBeGreaterThan(0)
})
