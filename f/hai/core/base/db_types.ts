/** How one type of a column is written and read. Numbers are PostgreSQL's own for its types, the same in every server. */
interface Type<T> {
  to: number
  from: number[]
  serialize: (value: T) => string
  parse: (text: string) => T
}

const asText = String
const asIs = (text: string) => text

/** Times cross every border as RFC 3339 text and days as `YYYY-MM-DD`, so rows are already what a door returns. */
const instant = {
  to: 1184,
  from: [1114, 1184],
  serialize: (value: string | Date) => (value instanceof Date ? value.toISOString() : value),
  parse: (text: string): string | Date => new Date(text).toISOString(),
}
const day = { to: 1082, from: [1082], serialize: (value: string) => value, parse: asIs }

/**
 * What every connection writes and reads by these. The arrays too, which the driver would ask the server for at each
 * connection: a query more for each job, whose failure no caller hears of, and which ends the process.
 */
export const types = {
  instant,
  day,
  instants: arrayOf<string | Date>(1185, [1115, 1185], instant.serialize, instant.parse),
  // text, varchar, name, uuid, bigint, numeric, date: read as they are written
  texts: arrayOf(1009, [1009, 1015, 1003], asText, asIs),
  uuids: arrayOf(2951, [2951], asText, asIs),
  days: arrayOf(1182, [1182], asText, asIs),
  bigints: arrayOf(1016, [1016], asText, asIs),
  numerics: arrayOf(1231, [1231], asText, asIs),
  ints: arrayOf(1007, [1005, 1007, 1021, 1028], asText, Number),
  floats: arrayOf(1022, [1022], asText, Number),
  booleans: arrayOf(1000, [1000], asText, (text) => text === 't'),
  objects: arrayOf<unknown>(3807, [199, 3807], JSON.stringify, JSON.parse),
}

type Items<T> = (T | null | Items<T>)[]

function arrayOf<T>(
  to: number,
  from: number[],
  serialize: (item: T) => string,
  parse: (text: string) => T,
): Type<Items<T>> {
  const write = (items: Items<T>): string =>
    `{${items.map((item) => (Array.isArray(item) ? write(item) : item === null ? 'null' : quoted(serialize(item as T)))).join(',')}}`
  return { to, from, serialize: write, parse: (text) => readArray(text, parse) }
}

const quoted = (text: string) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`

/** `{1,"a \"word\"",NULL,{…}}`; https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
function readArray<T>(text: string, parse: (text: string) => T): Items<T> {
  const whole: Items<T> = []
  const open: Items<T>[] = [whole]
  for (const [piece, bare] of text.matchAll(/[{}]|"(?:[^"\\]|\\.)*"|([^{},"]+)/gs)) {
    const items = open.at(-1)!
    if (piece === '{') {
      const inner: Items<T> = []
      items.push(inner)
      open.push(inner)
    } else if (piece === '}') open.pop()
    else if (bare === undefined) items.push(parse(piece.slice(1, -1).replaceAll(/\\(.)/gs, '$1')))
    else items.push(bare === 'NULL' ? null : parse(bare))
  }
  return whole[0] as Items<T>
}
