import type { Part, Sql } from '../base/db.ts'

/**
 * Columns of a row of `task_queue` beside its answer, as a `TaskResult` has them: null until it has ended, and where
 * nothing is known. What was told in attempts before the last one is not.
 */
export const answerColumns = (sql: Sql): Part => sql`
  case when finished_at is not null then (
    select case when not coalesce(bool_or(at_least or input is null or output is null), false) then jsonb_build_object(
      'input', coalesce(sum(input), 0), 'output', coalesce(sum(output), 0),
      'cached', coalesce(sum(cache_read), 0), 'reasoning', coalesce(sum(reasoning), 0)) end
    from hai.usage where usage.task_id = task_queue.id) end as usage,
  case when state = 'done' then coalesce(
    case (select response -> 'answer' ->> 'ending' from hai.task_step
      where task_step.task_id = task_queue.id and task_step.state = 'finished'
      order by task_step.finished_at desc limit 1)
      when 'content_filter' then 'content_filter' when 'refusal' then 'content_filter'
      -- of one that was asked to be no longer nothing is told
      when 'length' then 'length' end,
    case when exists (${toldLast(sql, sql`'cut'`)}) then 'length' else 'stop' end) end as ending,
  case when finished_at is not null then (
    select jsonb_agg(text order by seq) from (
      ${toldLast(sql, sql`'notice'`)}
      -- who asked for no more than so many tokens has them
      union all ${toldLast(sql, sql`'cut'`)}
        and not exists (select from hai.chat where chat.task_id = task_queue.id and answer ? 'max_tokens')
    ) told) end as notices,
  case when state = 'done' then (
    select data ->> 'refused' from hai.task_event
    where task_event.task_id = task_queue.id and type = 'done' order by seq desc limit 1) end as refused`

const toldLast = (sql: Sql, type: Part): Part => sql`
  select seq, text from hai.task_event
  where task_event.task_id = task_queue.id and type = ${type} and seq > coalesce((
    select max(seq) from hai.task_event where task_event.task_id = task_queue.id and type = 'claimed'), 0)`
