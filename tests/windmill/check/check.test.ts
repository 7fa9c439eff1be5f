import { expect, it } from 'vitest'
import { checkBundle, problemTable } from '../../../windmill/check/check.ts'
import { stagedDoors } from '../../../windmill/stage/door.ts'
import { bundleFolder } from '../../runner/bundle-folder.ts'

const SCHEDULE = 'timezone: Etc/UTC\ncron_version: v2\nscript_path: f/hai/ok\nis_flow: false\nenabled: true\n'
const TRIGGER =
  'script_path: f/hai/ok\nis_flow: false\nhttp_method: post\nrequest_type: sync\nauthentication_method: windmill\nwrap_body: true\nraw_string: true\n'
const SOUND = {
  'package-lock.json': '{"packages":{}}',
  'f/hai/folder.meta.yaml': 'summary: hai\n',
  'f/hai/ok.ts': 'export async function main(db: RT.Postgresql, text: string) {\n  return [db, text]\n}\n',
  'f/hai/ok.schedule.yaml': `schedule: "0 */5 * * * mon-fri"\n${SCHEDULE}args: { a: $var:f/hai/here, b: $var:u/operator/his }\n`,
  'f/hai/here.variable.yaml': 'value: hello\nis_secret: false\n',
  'f/hai/ok.http_trigger.yaml': `route_path: hai/tasks/:id/*rest\n${TRIGGER}`,
  'f/hai/known.resource.yaml': 'resource_type: c_hai_models\nvalue: { a: $res:f/hai/known }\n',
  'f/hai/ok__flow/flow.yaml':
    "value:\n  modules:\n    - id: a\n      value: { type: script, path: f/hai/ok }\n    - id: b\n      value: { type: rawscript, content: '!inline b.ts' }\n",
  'f/hai/ok__flow/b.ts': 'export async function main() {}\n',
}

/** What is said of each file; staleness is left out, as no metadata was made here. */
async function problems(files: Record<string, string>): Promise<Record<string, string>> {
  const { root } = bundleFolder({ ...SOUND, ...files })
  const found = await checkBundle(root, await stagedDoors(root))
  return Object.fromEntries(
    found.filter(({ what }) => !what.endsWith('run npm run metadata')).map(({ file, what }) => [file, what]),
  )
}

it('finds nothing wrong with a sound bundle', async () => {
  expect(await problems({})).toEqual({})
})

it('finds schedules that a server refuses or reads differently', async () => {
  const schedule = (pattern: string, rest = SCHEDULE) => `schedule: "${pattern}"\n${rest}`
  expect(
    await problems({
      'f/hai/five.schedule.yaml': schedule('0 7 * * *'),
      'f/hai/days.schedule.yaml': schedule('0 0 7 * * 1-5'),
      'f/hai/words.schedule.yaml': schedule('0 0 25 * * *'),
      'f/hai/zone.schedule.yaml': schedule('0 0 7 * * *', SCHEDULE.replace('Etc/UTC', 'Mars/Olympus')),
      'f/hai/old.schedule.yaml': schedule('0 0 7 * * *', SCHEDULE.replace('cron_version: v2\n', '')),
      'f/hai/gone.schedule.yaml': schedule('0 0 7 * * *', SCHEDULE.replace('f/hai/ok', 'f/hai/gone')),
    }),
  ).toEqual({
    'f/hai/five.schedule.yaml': expect.stringContaining('has 5 fields'),
    'f/hai/days.schedule.yaml': expect.stringContaining('write days as names'),
    'f/hai/words.schedule.yaml': expect.stringContaining('"0 0 25 * * *" in "Etc/UTC"'),
    'f/hai/zone.schedule.yaml': expect.stringContaining('Mars/Olympus'),
    'f/hai/old.schedule.yaml': expect.stringContaining('cron_version'),
    'f/hai/gone.schedule.yaml': expect.stringContaining('f/hai/gone is no script of the bundle'),
  })
})

it('finds references that name nothing, or that Windmill would not resolve', async () => {
  const resource = (value: string) => `resource_type: postgresql\nvalue: ${value}\n`
  expect(
    await problems({
      'f/hai/a.resource.yaml': resource('{ password: $var:f/hai/none }'),
      'f/hai/b.resource.yaml': resource('{ url: "postgres://$var:f/hai/here" }'),
      'f/hai/c.resource.yaml': resource('[[[$var:f/hai/here]]]'),
      'f/hai/d.resource.yaml': 'resource_type: c_unknown\nvalue: {}\n',
      'f/hai/e.resource.yaml': 'value: {}\n',
      'f/hai/f.resource.yaml': 'a: [',
      'f/hai/g.variable.yaml': 'value: hush\nis_secret: true\n',
    }),
  ).toEqual({
    'f/hai/a.resource.yaml': expect.stringContaining('$var:f/hai/none names nothing'),
    'f/hai/b.resource.yaml': expect.stringContaining('must be the whole string'),
    'f/hai/c.resource.yaml': expect.stringContaining('3 deep'),
    'f/hai/d.resource.yaml': expect.stringContaining('its type c_unknown is none'),
    'f/hai/e.resource.yaml': expect.stringContaining('resource_type is missing'),
    'f/hai/f.resource.yaml': expect.any(String),
    'f/hai/g.variable.yaml': expect.stringContaining('the value of a secret'),
  })
})

it('finds flows and triggers that lead nowhere', async () => {
  const flow = (modules: string) => `value: { modules: [${modules}] }\n`
  expect(
    await problems({
      'f/hai/x__flow/flow.yaml': flow('{ id: a, value: { type: script, path: f/hai/gone } }'),
      'f/hai/y__flow/flow.yaml': flow(
        '{ id: a, value: { type: branchone, branches: [{ modules: [{ id: b, value: { type: flow, path: f/hai/gone } }] }] } }',
      ),
      'f/hai/z__flow/flow.yaml': flow("{ id: a, value: { type: rawscript, content: '!inline gone.ts' } }"),
      'f/hai/w__flow/flow.yaml': flow(
        '{ id: a, value: { type: identity } }, { id: a, value: { type: identity } }',
      ),
      'f/hai/slash.http_trigger.yaml': `route_path: /hai\n${TRIGGER}`,
      'f/hai/twice.http_trigger.yaml': `route_path: hai/tasks/:other/*rest\n${TRIGGER}`,
      'f/hai/auth.http_trigger.yaml': `route_path: b\n${TRIGGER.replace('method: windmill', 'method: bearer')}`,
      'f/hai/parsed.http_trigger.yaml': `route_path: c\n${TRIGGER.replace('raw_string: true', 'raw_string: false')}`,
    }),
  ).toEqual({
    'f/hai/x__flow/flow.yaml': 'step a: f/hai/gone is no script of the bundle',
    'f/hai/y__flow/flow.yaml': 'step b: f/hai/gone is no flow of the bundle',
    'f/hai/z__flow/flow.yaml': 'step a: the inline file gone.ts is not there',
    'f/hai/w__flow/flow.yaml': 'two steps have the id a',
    'f/hai/slash.http_trigger.yaml': expect.stringContaining('no leading /'),
    'f/hai/twice.http_trigger.yaml': expect.stringContaining(
      'is served by f/hai/ok.http_trigger.yaml already',
    ),
    'f/hai/auth.http_trigger.yaml': expect.stringContaining('authentication_method is "bearer"'),
    'f/hai/parsed.http_trigger.yaml': expect.stringContaining('raw_string is false; expected true'),
  })
})

it('finds signatures that Windmill reads otherwise than meant', async () => {
  expect(
    await problems({
      'f/hai/record.ts': 'export async function main(meta: Record<string, string>) { return meta }\n',
      'f/hai/nested.ts': 'export async function main(all: { one: Imported }[]) { return all }\n',
      'f/hai/rest.ts': 'export async function main(...all: string[]) { return all }\n',
      'f/hai/anon.ts': 'export async function main({ a }: { a: string }) { return a }\n',
      'f/hai/arrow.ts': 'export const main = async () => 1\n',
    }),
  ).toEqual({
    'f/hai/record.ts': expect.stringContaining('a picker of "record" resources'),
    'f/hai/nested.ts': expect.stringContaining('a picker of "imported" resources'),
    'f/hai/rest.ts': expect.stringContaining('cannot be read'),
    'f/hai/anon.ts': expect.stringContaining('destructured'),
    'f/hai/arrow.ts': expect.stringContaining('does not see its main'),
  })
})

it('finds what is missing or left over', async () => {
  const { root } = bundleFolder({
    ...SOUND,
    'f/other/a.ts': 'export async function main() {}\n',
    'f/hai/gone.script.yaml': 'summary: gone\n',
    'f/hai/ok.script.lock': 'x',
    'f/hai/wide.ts': "import { z } from 'zod'\nexport async function main() {\n  return z\n}\n",
    'f/hai/core/odd.ts': 'export const same = <T>(x: T): T => x\n',
    'f/hai/core/half.ts': "import { none } from './none.ts'\nexport const half = none\n",
    'f/hai/torn.ts':
      "import { half } from './core/half.ts'\nexport async function main() {\n  return half\n}\n",
  })
  const table = problemTable(await checkBundle(root, await stagedDoors(root)))
  expect(table).toMatch(/^f\/other\/folder\.meta\.yaml\s+it is missing/m)
  expect(table).toMatch(/^f\/hai\/gone\.script\.yaml\s+there is no door beside it/m)
  expect(table).toMatch(/^f\/hai\/ok\.script\.lock\s+locks are made when the bundle is staged/m)
  expect(table).toMatch(/^f\/hai\/ok\.script\.yaml\s+it is not what its door says; run npm run metadata$/m)
  expect(table).toMatch(/^f\/hai\/wide\.ts\s+it imports zod in another way than by name/m)
  expect(table).toMatch(
    /^f\/hai\/torn\.ts\s+what it imports can't be put into one file: f\/hai\/core\/half\.ts line 1: .*none\.ts/m,
  )
  expect(table).toMatch(/^f\/hai\/core\/odd\.ts\s+line 1 can't be read as tsx/m)
})
