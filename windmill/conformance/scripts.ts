import type { Server } from './server.ts'

/** Says whose token it was handed. */
export const ASKS =
  'export async function main(a: any) { const { BASE_URL, WM_WORKSPACE } = process.env; const headers = { authorization: "Bearer " + a.token }; const answer = await fetch(BASE_URL + "/api/w/" + WM_WORKSPACE + "/users/whoami", { headers }); return answer.status === 200 ? (await answer.json()).username : answer.status }'

/** The scripts that the cases run, by name. */
const SCRIPTS: Record<string, string> = {
  echo: 'export async function main(a: any, b: string = "default", when?: Date) { return { a, b, date: when instanceof Date } }',
  nothing: 'export async function main() {}',
  values:
    'export async function main() { return { big: 12345678901234567890n, gone: undefined, list: [undefined] } }',
  throws:
    'export async function main(what: string) { if (what === "text") throw "just text"; throw Object.assign(new RangeError("too much", { cause: "a cause" }), { code: "54000" }) }',
  library: 'export const answer = 42',
  shaped: 'export async function main(shape: any) { return shape }',
  prints:
    'export async function main() { for (const n of [1, 2, 3]) { console.log("line " + n); await new Promise((r) => setTimeout(r, 300)) }; return "printed" }',
  streams:
    'export async function main() { for (const n of [1, 2, 3]) { console.log("WM_STREAM: part " + n + "\\\\n"); await new Promise((r) => setTimeout(r, 300)) } }',
  waits: 'export async function main() { await new Promise((r) => setTimeout(r, 120_000)) }',
  who: 'export async function main() { const { WM_USERNAME, WM_EMAIL, WM_PERMISSIONED_AS, WM_JOB_ID, WM_WORKSPACE, WM_STATE_PATH, WM_FLOW_STEP_ID, WM_FLOW_JOB_ID } = process.env; return { WM_USERNAME, WM_EMAIL, WM_PERMISSIONED_AS, WM_JOB_ID, WM_WORKSPACE, WM_STATE_PATH, WM_FLOW_STEP_ID, WM_FLOW_JOB_ID } }',
  prepared:
    'export async function preprocessor(event: any) { return { seen: { kind: event.kind, body: event.body, query: event.query, header: event.headers["x-one"], raw: event.raw_string } } }\nexport async function main(seen: any) { return seen }',
  sent: 'export async function main(body: any, raw_string: string) { return { body, raw_string } }',
  environment:
    'export async function main() { return { names: Object.keys(process.env).sort(), zone: Intl.DateTimeFormat().resolvedOptions().timeZone, scheduledFor: process.env.WM_SCHEDULED_FOR } }',
  hears:
    'export async function main() { for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => { console.log(name); process.exit(1) }); console.log("began"); await new Promise((r) => setTimeout(r, 120_000)) }',
  asks: ASKS,
  double: 'export async function main(n: number) { return { twice: 2 * n } }',
}

/** Deploys them all; they are removed with what else the run put there. */
export async function deployScripts(server: Server): Promise<void> {
  for (const [name, content] of Object.entries(SCRIPTS)) await server.deploy(name, content)
  await server.deploy('limited', SCRIPTS.waits!, { timeout: 1 })
  await server.deploy('hears_work', SCRIPTS.hears!, { tag: 'hai-work' })
}
