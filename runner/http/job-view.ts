import type { Job } from '../jobs.ts'

/** A job as Windmill shows it: a QueuedJob, or a CompletedJob with its result. */
export function jobView(
  job: Job,
  workspace: string,
  detail: 'full' | 'listed' = 'full',
): Record<string, unknown> {
  const common = {
    type: job.completedAt ? 'CompletedJob' : 'QueuedJob',
    workspace_id: workspace,
    id: job.id,
    parent_job: job.parentJob || undefined,
    created_by: job.identity.username,
    created_at: job.createdAt,
    started_at: job.startedAt,
    scheduled_for: job.scheduledFor,
    script_path: job.path,
    schedule_path: job.schedulePath || undefined,
    canceled: job.canceled !== undefined,
    canceled_by: job.canceled?.by,
    canceled_reason: job.canceled?.reason,
    job_kind: 'script',
    permissioned_as: job.permissionedAs,
    is_flow_step: false,
    language: 'bun',
    email: job.identity.email,
    visible_to_owner: true,
    tag: job.tag,
    worker: job.worker,
  }
  const detailed = detail === 'full' ? { args: job.args, logs: job.output.log.text() } : {}
  if (!job.completedAt) return { ...common, ...detailed, running: job.startedAt !== undefined }
  const started = job.startedAt ?? job.completedAt
  return {
    ...common,
    ...detailed,
    started_at: started,
    completed_at: job.completedAt,
    duration_ms: job.completedAt.getTime() - started.getTime(),
    success: job.success,
    is_skipped: false,
    result: detail === 'full' ? JSON.parse(job.result ?? 'null') : undefined,
  }
}
