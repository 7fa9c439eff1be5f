import * as z from 'zod'
import { Name, PodLabels, Port } from './values.ts'

/** Pods in the cluster and the port on which they answer. */
export const PodTarget = z.strictObject({ namespace: Name, pods: PodLabels, port: Port })

/** Names that Windmill, its chart or we give the workers a value of: another one would take its place. */
const TAKEN =
  /^(HAI_DATABASE_(DIRECT_)?URL|WORKER_(TAGS|GROUP)|WHITELIST_ENVS|MAX_WAIT_FOR_SIGINT|CUSTOM_TAGS|DATABASE_URL(_FILE)?|BASE_(INTERNAL_)?URL|MODE|RUST_LOG|JSON_FMT|METRICS_ADDR|LICENSE_KEY|HOME|PATH|TZ|WM_.*)$/

const WorkerSecret = z.strictObject({
  env: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]*$/, 'expected an environment variable’s name, like NTFY_TOKEN')
    .refine((name) => !TAKEN.test(name), 'expected a name that neither Windmill nor hai sets'),
  item: z.string().min(1),
  field: z.string().min(1),
})

export const Windmill = z.strictObject({
  namespace: Name.default('home'),
  service: Name.default('windmill-app'),
  port: Port.default(8000),
  workspace: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*$/, 'expected a workspace id')
    .default('main'),
  /** Where its HTTP triggers answer; with the workspace in it when they are set so. */
  routes: z
    .string()
    .regex(/^\/api\/r(\/[\w-]+)+$/, 'expected a path like /api/r/hai')
    .default('/api/r/hai'),
  app_pods: PodLabels.default({ 'app.kubernetes.io/name': 'windmill-app' }),
  /** What all its worker groups have in common; the chart tells them apart by `workerGroup`. */
  worker_pods: PodLabels.default({ 'app.kubernetes.io/name': 'windmill-workers' }),
  /** Whether a Windmill is there, into whose values ours are merged, or one is to be made for hai. */
  release: z.enum(['existing', 'own']).default('existing'),
  /** Workers that answer at once, and workers for what takes long: one for each task or chat at a time. */
  doors_replicas: z.int().min(1).default(2),
  work_replicas: z.int().min(1).default(2),
  /** What jobs of the tag hai-work may see in their environment besides the database's address. */
  worker_secrets: z
    .array(WorkerSecret)
    .refine(
      (secrets) => new Set(secrets.map(({ env }) => env)).size === secrets.length,
      'expected each env once',
    )
    .default([]),
  /** What jobs of the tag hai-work may call in the cluster: models, channels, MCP servers. */
  reaches: z.array(PodTarget).default([]),
  /** Whether they may call the internet on port 443, for Claude or a channel. */
  internet: z.boolean().default(false),
  /** Pods in the cluster that may call Windmill without a gateway: Alertmanager, Open WebUI, Home Assistant. */
  callers: z.array(z.strictObject({ namespace: Name, pods: PodLabels })).default([]),
})
