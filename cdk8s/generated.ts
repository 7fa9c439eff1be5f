import { GENERATED } from './render.ts'
import { DASHBOARD_FILE } from './tree.ts'

/** Whether an earlier run made a file. JSON has no comments: the dashboard is known by its name. */
export const isOurs = (file: string, text: string): boolean =>
  file.endsWith(`/${DASHBOARD_FILE}`) || text.split('\n', 4).includes(GENERATED)
