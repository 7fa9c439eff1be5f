import type { Config } from '../config/config.ts'
import { moneyRow, outcomesRow, type Panel, queueRow, type Row } from './rows.ts'

const GRID = 24
/** Grafana knows the dashboard by it, and so does synth. */
export const BOARD_UID = 'hai'

/** The rows of the dashboard, top to bottom. */
export const rowsOf = (config: Config): Row[] => [
  queueRow(),
  outcomesRow(config.dashboard.machine_sources),
  moneyRow(),
]

/** The dashboard as Grafana reads it: JSON with two spaces. */
export function dashboardJson(config: Config): string {
  const board = {
    uid: BOARD_UID,
    title: 'hai',
    tags: ['hai'],
    schemaVersion: 39,
    editable: false,
    refresh: '1m',
    time: { from: 'now-7d', to: 'now' },
    timezone: 'browser',
    panels: placed(rowsOf(config), config.dashboard.datasource),
  }
  return `${JSON.stringify(board, null, 2)}\n`
}

/** Panels from left to right, and a new line where one does not fit any more. */
function placed(rows: readonly Row[], datasource: string): object[] {
  const panels: object[] = []
  let x = 0
  let y = 0
  let tallest = 0
  const lineFeed = () => {
    x = 0
    y += tallest
    tallest = 0
  }
  for (const row of rows) {
    lineFeed()
    panels.push({ id: panels.length + 1, type: 'row', title: row.title, gridPos: { x, y, w: GRID, h: 1 } })
    y += 1
    for (const panel of row.panels) {
      if (x + panel.size.w > GRID) lineFeed()
      panels.push({ id: panels.length + 1, ...drawn(panel, datasource), gridPos: { x, y, ...panel.size } })
      x += panel.size.w
      tallest = Math.max(tallest, panel.size.h)
    }
  }
  return panels
}

function drawn(panel: Panel, uid: string) {
  const datasource = { type: 'grafana-postgresql-datasource', uid }
  const { orange, red } = panel.thresholds ?? {}
  const steps = [
    { color: 'green', value: null },
    ...(orange === undefined ? [] : [{ color: 'orange', value: orange }]),
    ...(red === undefined ? [] : [{ color: 'red', value: red }]),
  ]
  const wholeTable = panel.type === 'piechart' || panel.type === 'bargauge'
  return {
    type: panel.type,
    title: panel.title,
    ...(panel.description ? { description: panel.description } : {}),
    datasource,
    fieldConfig: {
      defaults: {
        ...(panel.unit ? { unit: panel.unit } : {}),
        ...(panel.thresholds ? { thresholds: { mode: 'absolute', steps } } : {}),
      },
      overrides: [],
    },
    ...(wholeTable ? { options: { reduceOptions: { values: true, calcs: [], fields: '' } } } : {}),
    targets: [{ refId: 'A', datasource, format: panel.format, rawQuery: true, rawSql: panel.sql.trim() }],
  }
}
