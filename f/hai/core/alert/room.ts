export { alertsNow as now } from './now.ts'
export { tend } from './over.ts'
