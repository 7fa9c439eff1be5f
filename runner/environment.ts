import { isOwn, type Script } from './bundle.ts'
import type { Job } from './jobs.ts'

/** All that a script may see of the environment the stack was started in; names ending in `*` are prefixes. */
const INHERITED = [
  'PATH',
  'HOME',
  'TZ',
  'LANG',
  'TMPDIR',
  'XDG_CONFIG_HOME',
  'HAI_*',
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_BASE_URL',
  'OPENAI_API_KEY',
  'OPENAI_BASE_URL',
  'OLLAMA_HOST',
  'KUBECONFIG',
  'KUBERNETES_SERVICE_*',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
]
/** These say where the CLI connects, perhaps to another installation, and are no business of a script. */
const CLIENT_ONLY = ['HAI_TOKEN', 'HAI_ENDPOINT', 'HAI_WORKSPACE', 'HAI_PROFILE']
/** The database with its password: only a job of hai's own gets it, and not the process before it has that job. */
const DATABASE_URL = 'HAI_DATABASE_URL'

/** What every worker process is started with. */
export function inheritedEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = Object.entries(env).filter(([name]) => isInherited(name))
  return Object.fromEntries(kept.map(([name, value]) => [name, value ?? '']))
}

/** What a job gets beside that: the variables that the settings name, whatever they are called, where they are set. */
export function namedEnvironment(env: NodeJS.ProcessEnv, names: string[]): Record<string, string> {
  const given = names.filter((name) => name !== DATABASE_URL)
  return Object.fromEntries(given.flatMap((name) => (env[name] ? [[name, env[name]]] : [])))
}

/**
 * What a script of hai's own gets beside that, as on a worker group of hai's own: nobody else's may read the
 * database past its doors. A deploy migrates by a preview, so that one of the operator's gets it too.
 */
export function databaseEnvironment(job: Job, script: Script, url: string): Record<string, string> {
  const isAllowed = isOwn(script.path) && (script.code === undefined || job.identity.admin)
  return isAllowed ? { [DATABASE_URL]: url } : {}
}

function isInherited(name: string): boolean {
  if (name === DATABASE_URL || CLIENT_ONLY.includes(name)) return false
  return INHERITED.some((known) =>
    known.endsWith('*') ? name.startsWith(known.slice(0, -1)) : name === known,
  )
}

/** The variables that Windmill's worker sets for a job. What doesn't apply is an empty string there too. */
export function jobEnvironment(
  job: Job,
  context: { endpoint: string; workspace: string; token: string; workerGroup: string },
): Record<string, string> {
  const { flowStep } = job
  const who = job.schedulePath ? job.identity.username : 'user'
  const statePath = flowStep ? `${flowStep.flowPath}/${flowStep.id}_${who}` : `${job.path}/${who}`
  return {
    BASE_INTERNAL_URL: context.endpoint,
    BASE_URL: context.endpoint,
    WM_BASE_URL: context.endpoint,
    WM_WORKSPACE: context.workspace,
    WM_TOKEN: context.token,
    WM_EMAIL: job.email,
    WM_USERNAME: job.identity.username,
    WM_PERMISSIONED_AS: job.permissionedAs,
    WM_JOB_ID: job.id,
    WM_JOB_PATH: job.path,
    WM_ROOT_JOB_ID: job.rootJob,
    WM_SCHEDULE_PATH: job.schedulePath,
    WM_SCHEDULED_FOR: job.scheduledFor.toISOString(),
    WM_STATE_PATH: statePath,
    WM_STATE_PATH_NEW: statePath,
    WM_WORKER_GROUP: context.workerGroup,
    WM_FLOW_JOB_ID: flowStep?.flowJob ?? '',
    WM_ROOT_FLOW_JOB_ID: flowStep?.rootFlowJob ?? '',
    WM_FLOW_PATH: flowStep?.flowPath ?? '',
    WM_FLOW_STEP_ID: flowStep?.id ?? '',
    WM_OBJECT_PATH: '',
    WM_RUNNABLE_ID: '',
    WM_END_USER_EMAIL: '',
  }
}
