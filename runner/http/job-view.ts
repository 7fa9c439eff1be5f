import { argsOf, type Job } from '../jobs.ts'

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
    job_kind: job.kind,
    permissioned_as: job.permissionedAs,
    is_flow_step: job.flowStep !== undefined,
    flow_step_id: job.flowStep?.id,
    language: job.flow ? undefined : 'bun',
    email: job.email,
    visible_to_owner: true,
    tag: job.tag,
    worker: job.worker,
  }
  const detailed = detail === 'full' ? detailsOf(job) : {}
  if (!job.completedAt) return { ...common, ...detailed, running: job.startedAt !== undefined }
  const started = job.startedAt ?? job.completedAt
  return {
    ...common,
    ...detailed,
    started_at: started,
    completed_at: job.completedAt,
    duration_ms: job.completedAt.getTime() - started.getTime(),
    success: job.success,
    is_skipped: job.skipped,
    result: detail === 'full' ? JSON.parse(job.result ?? 'null') : undefined,
  }
}

function detailsOf(job: Job): Record<string, unknown> {
  const { flow, output } = job
  return { args: argsOf(job), logs: output.log.text(), raw_flow: flow?.raw, flow_status: flow?.status }
}
