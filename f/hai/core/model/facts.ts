import { inTransaction, type Sql } from '../base/db.ts'

/** Which model: the same name may have another window elsewhere. */
export interface ModelAt {
  url: string
  model: string
}

/** What was learnt of a model; all in tokens, null where nothing is known. */
export interface ModelFact {
  /** The window that its server names. */
  listed: number | null
  /** The window that a refusal taught, or an answer whose prompt was cut; what the server names next ends it. */
  refused: number | null
  /** How long an answer may be, where a longer one was refused. */
  output: number | null
  /** True tokens of a prompt for each that was estimated: rises at once, and falls slowly. */
  ratio: number | null
  /** Seconds since its server was asked; null when it never was. */
  asked_seconds: number | null
}

export type Learnt = Partial<Omit<ModelFact, 'asked_seconds'>>

const NOTHING: ModelFact = {
  listed: null,
  refused: null,
  output: null,
  ratio: null,
  asked_seconds: null,
}

/** What was known, and now this. */
export function merged(known: ModelFact = NOTHING, learnt: Learnt): ModelFact {
  const { listed, refused, output, ratio } = learnt
  const changed = listed !== undefined && listed !== known.listed
  return {
    listed: listed === undefined ? known.listed : listed,
    refused: refused ?? (changed ? null : known.refused),
    output: output ?? (changed ? null : known.output),
    ratio: ratio ? nextRatio(known.ratio, ratio) : known.ratio,
    asked_seconds: listed === undefined ? known.asked_seconds : 0,
  }
}

const nextRatio = (known: number | null, seen: number) =>
  known === null || seen > known ? seen : known + (seen - known) / 8

/** The facts of a model, in the database; a refusal's are held for a day. */
export async function factOf(sql: Sql, { url, model }: ModelAt): Promise<ModelFact | undefined> {
  const [fact] = await sql<ModelFact[]>`
    select listed, case when refused_at > now() - interval '1 day' then refused end as refused,
      case when refused_at > now() - interval '1 day' then output end as output, ratio,
      extract(epoch from now() - asked_at)::int as asked_seconds
    from hai.model_fact where url = ${url} and model = ${model}`
  return fact
}

/** The windows that were learnt of all models, as `factOf` holds them. */
export async function learntWindows(sql: Sql): Promise<(ModelAt & Pick<ModelFact, 'listed' | 'refused'>)[]> {
  return await sql<(ModelAt & Pick<ModelFact, 'listed' | 'refused'>)[]>`
    select url, model, listed, case when refused_at > now() - interval '1 day' then refused end as refused
    from hai.model_fact`
}

export async function learn(sql: Sql, at: ModelAt, learnt: Learnt): Promise<void> {
  const { url, model } = at
  const asked = learnt.listed !== undefined
  const refused = learnt.refused !== undefined || learnt.output !== undefined
  await inTransaction(sql, async (tx) => {
    await tx`select from hai.model_fact where url = ${url} and model = ${model} for update`
    const fact = merged(await factOf(tx, at), learnt)
    await tx`
      insert into hai.model_fact as f (url, model, listed, refused, output, ratio, asked_at, refused_at)
      values (${url}, ${model}, ${fact.listed}, ${fact.refused}, ${fact.output}, ${fact.ratio},
        case when ${asked} then now() end, case when ${refused} then now() end)
      on conflict (url, model) do update set
        listed = excluded.listed, refused = excluded.refused, output = excluded.output, ratio = excluded.ratio,
        asked_at = coalesce(excluded.asked_at, f.asked_at),
        refused_at = coalesce(excluded.refused_at, f.refused_at)`
  })
}

/** The same where there is no database: as long as the process lives. */
export class RememberedFacts {
  #facts = new Map<string, { fact: ModelFact; askedAt: number | null }>()

  of({ url, model }: ModelAt): ModelFact | undefined {
    const known = this.#facts.get(`${url} ${model}`)
    if (!known) return undefined
    const { fact, askedAt } = known
    return { ...fact, asked_seconds: askedAt === null ? null : Math.round((Date.now() - askedAt) / 1000) }
  }

  learn(at: ModelAt, learnt: Learnt): void {
    const known = this.#facts.get(`${at.url} ${at.model}`)
    const askedAt = learnt.listed === undefined ? (known?.askedAt ?? null) : Date.now()
    this.#facts.set(`${at.url} ${at.model}`, { fact: merged(known?.fact, learnt), askedAt })
  }
}
