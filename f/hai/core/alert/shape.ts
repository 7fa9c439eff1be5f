import type { TaskView } from '../task/shape.ts'

/** Most pressing first. */
export const SEVERITIES = ['critical', 'error', 'warning', 'info'] as const
export type Severity = (typeof SEVERITIES)[number]

/** One alert as people are shown it. Its texts are those of whoever sent it. */
export interface AlertShown {
  /** Its `alertname`. */
  name: string
  /** What it is about, such as `nas:9100`; empty where no label says. */
  of: string
  severity: Severity
  state: 'firing' | 'resolved' | 'silent'
  starts_at: string
  ends_at: string | null
  task_id: string
}

/** What fires now: the five most pressing, and how many there are in all. */
export interface AlertsNow {
  alerts?: { firing: number; shown: AlertShown[] }
}

/** A task as `task/show` tells it, with the alerts that it is about: the first hundred, those that fire before others. */
export interface TaskShown extends TaskView {
  alerts?: { total: number; firing: number; shown: AlertShown[] }
}
