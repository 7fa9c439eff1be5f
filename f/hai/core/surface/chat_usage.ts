import type { Sql } from '../base/db.ts'

/** Tokens by OpenAI's names. */
export interface Usage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number }
  completion_tokens_details: { reasoning_tokens: number }
}

interface Row {
  input: number
  output: number
  cached: number
  reasoning: number
  unknown: boolean
  cut: boolean
  ending: string | null
}

/** Why an answer ended, by OpenAI's names. */
export type Finish = 'stop' | 'length' | 'content_filter'

/** What a task's calls used, none when no model was asked; no `usage` when it isn't known. And why its answer ended. */
export async function usageOf(sql: Sql, taskId: string): Promise<{ usage?: Usage; finish: Finish }> {
  const [row] = await sql<Row[]>`
    select coalesce(sum(input), 0)::float8 as input, coalesce(sum(output), 0)::float8 as output,
      coalesce(sum(cache_read), 0)::float8 as cached, coalesce(sum(reasoning), 0)::float8 as reasoning,
      coalesce(bool_or(at_least or input is null or output is null), false) as unknown,
      exists (select from hai.task_event where task_id = ${taskId} and type = 'cut') as cut,
      (select response -> 'answer' ->> 'ending' from hai.task_step
        where task_id = ${taskId} and state = 'finished' order by finished_at desc limit 1) as ending
    from hai.usage where task_id = ${taskId}`
  const { input, output, cached, reasoning, unknown, cut, ending } = row!
  const filtered = ending === 'content_filter' || ending === 'refusal'
  const finish = filtered ? 'content_filter' : cut ? 'length' : 'stop'
  if (unknown) return { finish }
  return {
    finish,
    usage: {
      prompt_tokens: input,
      completion_tokens: output,
      total_tokens: input + output,
      prompt_tokens_details: { cached_tokens: cached },
      completion_tokens_details: { reasoning_tokens: reasoning },
    },
  }
}
