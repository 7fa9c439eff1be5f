import { feedback } from '../core/control.ts'
import { door } from '../core/door.ts'

/** What a person thinks of an answer: useful, noise, or acted upon. */
export async function main(id: string, verdict: 'useful' | 'noise' | 'acted', note?: string) {
  return door({ id, verdict, note }, feedback)
}
