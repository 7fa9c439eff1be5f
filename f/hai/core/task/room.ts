export { tasksNow as now } from './now.ts'
export { queueProblems as problems } from './problems.ts'
