import { door } from '../core/base/door.ts'
import { feedback } from '../core/task/change.ts'

/** What a person thinks of an answer: useful, noise, or acted upon. */
export async function main(id: string, verdict: 'useful' | 'noise' | 'acted', note?: string) {
  return door({ id, verdict, note }, feedback)
}
