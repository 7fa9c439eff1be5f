/** A size on Grafana's grid of 24 columns. */
interface Size {
  w: number
  h: number
}

export interface Panel {
  title: string
  description?: string
  type: 'stat' | 'table' | 'timeseries' | 'bargauge' | 'piechart'
  size: Size
  format: 'table' | 'time_series'
  /** Read only, and of the views `hai.dashboard_*` alone, which are all that Grafana's role may read. Grafana's `$__…` macros are written without braces, which Flux would take for its own. */
  sql: string
  unit?: string
  /** Values from which the panel turns orange and red. */
  thresholds?: { orange: number; red: number }
}

export interface Row {
  title: string
  panels: Panel[]
}

/** One number. */
export const stat = (panel: Omit<Panel, 'type' | 'size' | 'format'>): Panel => ({
  ...panel,
  type: 'stat',
  size: { w: 4, h: 4 },
  format: 'table',
})

export const table = (panel: Omit<Panel, 'type' | 'size' | 'format'>): Panel => ({
  ...panel,
  type: 'table',
  size: { w: 12, h: 8 },
  format: 'table',
})

/** Columns `time`, `metric` and a value. */
export const series = (panel: Omit<Panel, 'type' | 'size' | 'format'>): Panel => ({
  ...panel,
  type: 'timeseries',
  size: { w: 12, h: 8 },
  format: 'time_series',
})

/** Shares of a whole: columns `metric` and a value, one row each. */
export const shares = (panel: Omit<Panel, 'type' | 'size' | 'format'>): Panel => ({
  ...panel,
  type: 'piechart',
  size: { w: 6, h: 8 },
  format: 'table',
})

export const bars = (panel: Omit<Panel, 'type' | 'size' | 'format'>): Panel => ({
  ...panel,
  type: 'bargauge',
  size: { w: 6, h: 8 },
  format: 'table',
})
