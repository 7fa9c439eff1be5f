type Method = 'GET' | 'POST'

/** A path that goes to Windmill without passing the edge, with a bearer token that Windmill checks. */
export interface MachinePath {
  /** Windmill's trigger decides when it is not given: a rewritten prefix may stand in one match only. */
  method?: Method
  /** `{workspace}` stands for Windmill's. */
  path: string
  /** Whether everything below it goes too. */
  below: boolean
  /** Where in Windmill's HTTP triggers it leads; nothing when the path is Windmill's own. */
  trigger?: string
  timeout: string
  why: string
}

const API = '/api/w/{workspace}'

/** All there are, each with a bearer token that Windmill checks. The table in docs/gitops.md says the same. */
export const MACHINE_PATHS: readonly MachinePath[] = [
  {
    method: 'POST',
    path: `${API}/jobs/run_wait_result/p/f/hai`,
    below: true,
    // a door waits for 300 s at most, and for a worker before that
    timeout: '330s',
    why: 'every command of the CLI is a call of one door',
  },
  {
    method: 'POST',
    path: `${API}/jobs/run/p/f/hai`,
    below: true,
    timeout: '60s',
    why: 'doors that take long are started as a job',
  },
  {
    method: 'GET',
    path: `${API}/jobs_u/completed/get_result_maybe`,
    below: true,
    timeout: '60s',
    why: 'and looked at until the job has ended',
  },
  {
    method: 'GET',
    path: `${API}/jobs_u/getupdate_sse`,
    below: true,
    timeout: '1h',
    why: 'the answer is shown while it is written',
  },
  { method: 'GET', path: `${API}/jobs_u/get_logs`, below: true, timeout: '60s', why: 'hai task logs' },
  {
    method: 'GET',
    path: '/admin/tasks',
    below: true,
    trigger: '/admin/tasks',
    timeout: '60s',
    why: 'the HTTP contract: tasks and their results',
  },
  {
    path: '/admin/todos',
    below: true,
    trigger: '/admin/todos',
    timeout: '60s',
    why: 'the HTTP contract: todos',
  },
  {
    method: 'GET',
    path: '/admin/costs/today',
    below: false,
    trigger: '/admin/costs/today',
    timeout: '60s',
    why: 'the HTTP contract: what today has cost',
  },
  {
    method: 'GET',
    path: '/v1/models',
    below: true,
    trigger: '/v1/models',
    timeout: '60s',
    why: 'the HTTP contract: the models of a chat client',
  },
  {
    method: 'POST',
    path: '/v1/chat/completions',
    below: false,
    trigger: '/v1/chat/completions',
    timeout: '600s',
    why: 'the HTTP contract: an answer as a chat completion',
  },
  {
    method: 'POST',
    path: '/inbox',
    below: false,
    trigger: '/inbox',
    timeout: '60s',
    why: 'the HTTP contract: the way in',
  },
  {
    method: 'POST',
    path: '/inbox/alertmanager',
    // whoever wrote a slash at its end can't tell why nothing comes
    below: true,
    trigger: '/inbox/alertmanager',
    timeout: '60s',
    why: 'the HTTP contract: alerts, from Alertmanager',
  },
  {
    method: 'POST',
    path: '/inbox/holmesgpt',
    below: true,
    trigger: '/inbox/holmesgpt',
    timeout: '60s',
    why: 'the HTTP contract: what HolmesGPT found out',
  },
]

/** What a machine's request begins with, also one that misses its path: it is refused as a machine is, never sent to a login. */
export const machinePrefixes = (): string[] => [
  ...new Set(MACHINE_PATHS.map(({ path }) => `/${path.split('/')[1]}`)),
]
