import { readFileSync, statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { Failure } from '../failure.ts'
import { expandHome } from '../files.ts'
import type { Io } from '../io.ts'
import { asText, mib, pipedText, readStdin, STDIN_LIMIT, tooLarge } from '../stdin.ts'

/** Text attached to a task, beside its question. */
export interface Attachment {
  name: string
  content: string
}

/** Whose stdin is: the question's, nobody's (`-n`), or open to be attached. */
export type StdinUse = 'question' | 'left' | 'open'

/** What `-f` names and what is piped in, whole or refused: text only, 4 MiB together. */
export async function attachments(io: Io, files: string[], stdin: StdinUse): Promise<Attachment[]> {
  const asked = files.includes('-')
  if (asked && stdin === 'question')
    throw new Failure('usage', 'stdin is the question already; -f - cannot attach it')
  if (asked && stdin === 'left') throw new Failure('usage', '-f - attaches stdin, and -n leaves it alone')
  const attached = files.filter((file) => file !== '-').map((file) => readAttached(io, file))
  const piped = asked ? await readStdin(io) : stdin === 'open' ? await pipedText(io) : undefined
  if (piped?.trim()) attached.push({ name: 'stdin', content: piped })
  const total = attached.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0)
  if (total > STDIN_LIMIT) throw tooLarge('the attached text is', mib(total))
  return attached
}

function readAttached(io: Io, file: string): Attachment {
  const path = resolve(io.cwd, expandHome(file, io.env))
  try {
    const { size } = statSync(path)
    if (size > STDIN_LIMIT) throw tooLarge(`${file} is`, mib(size))
    return { name: basename(path), content: asText(file, readFileSync(path)) }
  } catch (error) {
    if (error instanceof Failure) throw error
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message
    throw new Failure('usage', `cannot attach ${file}: ${why}`, { cause: error })
  }
}
