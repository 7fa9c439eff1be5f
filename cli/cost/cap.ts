import { dollars } from '../../f/hai/core/base/words.ts'
import type { Raised } from '../../f/hai/core/cost/shape.ts'
import { given } from '../command.ts'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { relative } from '../show/words.ts'

interface Flags {
  today?: boolean
  cap?: string
  json?: boolean
}

/** Raises a cap until the day is over. It is written down who did it and when. */
export async function raiseCap(
  session: Session,
  usd: number,
  { today, cap, json }: Flags,
): Promise<undefined> {
  if (!today) {
    throw new Failure('usage', 'for how long is the cap to be raised? nothing was changed', {
      next: `hai cost cap raise ${usd} --today; for ever: caps in the budget configuration`,
    })
  }
  // a repeat would raise it once more
  const raised = await session.call<Raised>('cost/raise', given({ usd, cap }), { once: true })
  if (json) {
    session.printJson(raised)
    return
  }
  const until = relative(raised.until)
  session.print(
    `cap ${raised.cap} is raised by ${dollars(raised.usd)} to ${dollars(raised.limit)}; ends ${until}`,
  )
}
