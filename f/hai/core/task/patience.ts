/** How long a task goes on waiting for one trouble to pass, and how often it looks whether it has; all in seconds. */
export interface Patience {
  /** In all, over every time that it was put off for this; then it ends, with the trouble as its reason. */
  most: number
  /** Until the second try where nobody says when to come again; each later wait is half as long as all before it. */
  first: number
  /** No wait grows longer than this by itself. */
  longest: number
}

const MINUTE = 60
const HOUR = 3600
const DAY = 86_400

const PATIENCE: Record<string, Patience> = {
  // 20 GB from a slow disk take some minutes
  loading: { most: 15 * MINUTE, first: 2, longest: 15 },
  // a machine that is switched off at night, a host that is being upgraded
  unreachable: { most: 6 * HOUR, first: 2, longest: MINUTE },
  // it answers that it can't now: a proxy before a server that restarts, one that is overloaded
  unavailable: { most: HOUR, first: 3, longest: MINUTE },
  rate_limited: { most: 7 * DAY, first: MINUTE, longest: 15 * MINUTE },
  quota_exhausted: { most: 7 * DAY, first: 15 * MINUTE, longest: 3 * HOUR },
  // until the day or the month begins anew
  budget: { most: 35 * DAY, first: MINUTE, longest: HOUR },
}

const USUAL: Patience = { most: HOUR, first: 10, longest: 5 * MINUTE }

/** By a failure's code. */
export const patienceOf = (code: string): Patience =>
  Object.hasOwn(PATIENCE, code) ? PATIENCE[code]! : USUAL
