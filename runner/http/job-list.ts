import { ApiError } from '../api-error.ts'
import type { Job } from '../jobs.ts'

type Filter = (job: Job, value: string) => boolean

const FILTERS: Record<string, Filter> = {
  script_path_exact: (job, path) => job.path === path,
  script_path_start: (job, start) => job.path.startsWith(start),
  schedule_path: (job, path) => job.schedulePath === path,
  created_by: (job, name) => job.identity.username === name,
  parent_job: (job, id) => job.parentJob === id,
  tag: (job, tag) => job.tag === tag,
  running: (job, value) => (job.startedAt !== undefined && !job.completedAt) === (value === 'true'),
  success: (job, value) => job.completedAt !== undefined && job.success === (value === 'true'),
  status: (job, value) => job.completedAt !== undefined && statusOf(job) === value,
  job_kinds: (job, kinds) => kinds.split(',').includes(job.kind),
  has_null_parent: (job, value) => (job.parentJob === '') === (value === 'true'),
  is_not_schedule: (job, value) => (job.schedulePath === '') === (value === 'true'),
  suspended: (_job, value) => value !== 'true',
}
const PAGING = ['per_page', 'page', 'order_desc', 'token']

/** The jobs a query asks for, newest first unless `order_desc=false`. A filter we don't know is refused, not ignored. */
export function selectJobs(jobs: Job[], query: Record<string, string>): Job[] {
  const unknown = Object.keys(query).find((name) => !Object.hasOwn(FILTERS, name) && !PAGING.includes(name))
  if (unknown) throw new ApiError(501, `not implemented by the local runner: the job filter ${unknown}`)
  const filters = Object.entries(query).filter(([name]) => Object.hasOwn(FILTERS, name))
  const selected = jobs.filter((job) => filters.every(([name, value]) => FILTERS[name]!(job, value)))
  if (query.order_desc === 'false') selected.reverse()
  const size = positive('per_page', query.per_page ?? '30')
  const start = (positive('page', query.page ?? '1') - 1) * size
  return selected.slice(start, start + size)
}

function statusOf(job: Job): string {
  if (job.canceled) return 'canceled'
  return job.success ? 'success' : 'failure'
}

function positive(field: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new ApiError(400, `${field} is "${text}"; expected a whole number above 0`)
}
