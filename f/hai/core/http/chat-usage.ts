import type { Sql } from '../db.ts'

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
}

/** What a task's calls used, none when no model was asked; no `usage` when it isn't known. And whether its answer was cut. */
export async function usageOf(sql: Sql, taskId: string): Promise<{ usage?: Usage; cut: boolean }> {
  const [row] = await sql<Row[]>`
    select coalesce(sum(input), 0)::float8 as input, coalesce(sum(output), 0)::float8 as output,
      coalesce(sum(cache_read), 0)::float8 as cached, coalesce(sum(reasoning), 0)::float8 as reasoning,
      coalesce(bool_or(input is null or output is null), false) as unknown,
      exists (select from hai.task_event where task_id = ${taskId} and type = 'cut') as cut
    from hai.usage where task_id = ${taskId}`
  const { input, output, cached, reasoning, unknown, cut } = row!
  if (unknown) return { cut }
  return {
    cut,
    usage: {
      prompt_tokens: input,
      completion_tokens: output,
      total_tokens: input + output,
      prompt_tokens_details: { cached_tokens: cached },
      completion_tokens_details: { reasoning_tokens: reasoning },
    },
  }
}
