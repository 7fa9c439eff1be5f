import type { Member } from '../../f/hai/core/base/caller.ts'

export type Role = Member['role']

const doors = (...names: string[]) => `jobs:run:scripts:${names.map((name) => `f/hai/${name}`).join(',')}`
const routes = (...names: string[]) =>
  `http_triggers:read:${names.map((name) => `f/hai/http/${name}`).join(',')}`

/** What a machine's token may be for. */
export const USES = ['inbox', 'chat', 'health', 'drift', 'worker'] as const
export type Use = (typeof USES)[number]

/** By role, all that its commands call; a route's scope is the path of its trigger. */
const OF_ROLE = {
  operator: ['jobs:run:scripts:f/hai/*', 'jobs:run:flows:f/hai/*', 'jobs:write', routes('*')],
  member: [
    doors(
      ...['inbox', 'home', 'task/*', 'todo/*', 'model/list', 'admin/health'],
      ...['cost/report', 'cost/show', 'cost/page', 'cost/task'],
    ),
    'jobs:read',
    routes('*'),
  ],
}
const OF_USE: Record<Use, string[]> = {
  inbox: [doors('inbox'), routes('inbox', 'inbox/*')],
  // by the route, and by hai serve, which calls the doors
  chat: [
    doors('inbox', 'task/events', 'task/leave', 'task/result', 'task/show'),
    'jobs:read',
    routes('chat', 'model', 'models'),
  ],
  health: [doors('admin/health')],
  drift: [doors('admin/drift')],
  worker: [
    doors(
      ...['claim', 'complete', 'event', 'fail', 'heartbeat', 'release', 'step'].map(
        (verb) => `worker/${verb}`,
      ),
      ...['cost/reserve', 'cost/settle'],
    ),
  ],
}
const WORDS: Record<Use, string> = {
  inbox: 'put work down',
  chat: 'chat as with a model',
  health: 'ask for the health',
  drift: 'report what differs from Git',
  worker: 'work on tasks',
}

/** The scopes of a new token; `uses` are a machine's. */
export function scopesFor(role: Role, uses: readonly Use[]): string[] {
  return role === 'machine' ? uses.flatMap((use) => OF_USE[use]) : OF_ROLE[role]
}

/** What a token with these scopes may do, in words where they are those that hai gives. */
export function scopeText(scopes: readonly string[] | null | undefined): string {
  if (!scopes) return 'all that its user may'
  const same = (role: keyof typeof OF_ROLE) => scopes.toSorted().join() === OF_ROLE[role].toSorted().join()
  if (same('operator')) return "run all of hai's doors"
  if (same('member')) return "run a member's commands"
  const uses = USES.filter((use) => OF_USE[use].every((scope) => scopes.includes(scope)))
  const known = uses.flatMap((use) => OF_USE[use])
  const others = scopes.filter((scope) => !known.includes(scope))
  return [...uses.map((use) => WORDS[use]), ...others].join(', ') || 'nothing'
}
