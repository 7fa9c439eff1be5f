import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Message } from '../base/backends.ts'
import { type ClaudeRun, runClaudeCode } from './claude_code.ts'
import { BrokenCall } from './failure.ts'
import type { Said } from './reply.ts'

interface Asked extends Omit<ClaudeRun, 'prompt' | 'systemFile'> {
  messages: Message[]
  /** The first message says how to answer in place of Claude Code's own instructions, and not only beside them. */
  instructed: boolean
}

const SYSTEM_FILE = '--system-prompt-file'

/** One answer of Claude Code to all that was said: see `runClaudeCode`. */
export async function* askClaudeCode({ messages, instructed, ...run }: Asked): AsyncGenerator<Said> {
  const spoken = messages.map(({ role, content }) => ({ role, text: textOf(content) }))
  const prompt = promptOf(spoken)
  const [first, ...rest] = spoken
  if (!instructed || first?.role !== 'system') {
    yield* runClaudeCode({ ...run, prompt })
    return
  }
  // in a file, as everybody may read a program's arguments, and these can be longer than arguments may be
  const folder = await mkdtemp(join(tmpdir(), 'hai-'))
  try {
    const systemFile = join(folder, 'instructions')
    await writeFile(systemFile, first.text, { mode: 0o600 })
    yield* runClaudeCode({ ...run, prompt: promptOf(rest), systemFile })
  } catch (error) {
    if (!isTooOld(error)) throw error
    yield* runClaudeCode({ ...run, prompt })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** It ended before it had asked anything. */
const isTooOld = (error: unknown) =>
  error instanceof BrokenCall &&
  error.code === 'unusable' &&
  error.message.includes(`unknown option '${SYSTEM_FILE}'`)

const textOf = (content: Message['content']): string =>
  typeof content === 'string' ? content : content.map((part) => ('text' in part ? part.text : '')).join('')

/** It has one question's place only, so what was said before is told in it, and what its answer begins with. */
function promptOf(spoken: { role: Message['role']; text: string }[]): string {
  const last = spoken.at(-1)
  const isBegun = last?.role === 'assistant'
  const asked = isBegun ? spoken.slice(0, -1) : spoken
  const earlier = asked
    .slice(0, -1)
    .map(({ role, text }) =>
      role === 'system' ? text : `${role === 'user' ? 'I' : 'You'} said before:\n${text}`,
    )
  const begun = isBegun
    ? [`You have begun to answer this. Go on exactly where it ends, and say none of it again:\n${last.text}`]
    : []
  return [...earlier, asked.at(-1)?.text ?? '', ...begun].join('\n\n')
}
