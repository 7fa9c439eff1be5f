import { join } from 'node:path'
import { Failure } from '../failure.ts'
import { readBytes, stateDirOf, writePrivate } from '../files.ts'
import type { Session } from '../session.ts'

/** Where a list ended that was shown on a terminal: what was asked for, and where the next page begins. */
interface PageEnd {
  args: Record<string, unknown>
  cursor: string
}

/** Keeps where a list ended, for `--more`; of one that is whole nothing is kept. */
export async function keepEnd(
  session: Session,
  door: string,
  args: object,
  cursor: string | undefined,
): Promise<void> {
  if (session.columns === undefined) return
  const { file, ends, profile } = await read(session)
  const key = `${profile} ${door}`
  const { cursor: _, ...asked } = args as Record<string, unknown>
  if (cursor === undefined && !(key in ends)) return
  const { [key]: __, ...others } = ends
  const kept = cursor === undefined ? others : { ...others, [key]: { args: asked, cursor } }
  try {
    writePrivate(file, `${JSON.stringify(kept, null, 2)}\n`)
  } catch (error) {
    session.note(`--more will not know this list: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** What asks for the page after the one last shown of this door's list. */
export async function nextPage(session: Session, door: string, args: object): Promise<object> {
  const others = Object.keys(args).filter((name) => name !== 'limit')
  const list = door === 'task/conversations' ? 'hai chat ls' : `hai ${door.split('/')[0]} ls`
  if (others.length > 0) {
    throw new Failure('usage', `--more goes on with the list last shown, as that was asked for`, {
      next: `leave the other options out: ${list} --more`,
    })
  }
  const { ends, profile } = await read(session)
  const end = ends[`${profile} ${door}`]
  if (!end) {
    throw new Failure('usage', 'there is no more: no list was shown from here that goes on', {
      next: list,
    })
  }
  return { ...end.args, ...args, cursor: end.cursor }
}

/** A broken file is one that knows of no list. */
async function read(
  session: Session,
): Promise<{ file: string; ends: Record<string, PageEnd>; profile: string }> {
  const { env } = session.io
  const file = join(stateDirOf(env), 'list-ends.json')
  const profile = (await session.profile()).name
  try {
    const ends: unknown = JSON.parse(readBytes(file)?.toString('utf8') ?? '{}')
    const known = Object.entries(ends as Record<string, PageEnd>).filter(
      ([, end]) => typeof end?.cursor === 'string' && typeof end.args === 'object',
    )
    return { file, ends: Object.fromEntries(known), profile }
  } catch {
    return { file, ends: {}, profile }
  }
}
