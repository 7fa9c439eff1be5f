export { outboxProblems as problems } from './notice.ts'
