import { HaiError, MOST_LEVELS } from './errors.ts'

/**
 * A webhook's arguments as their sender means them. Windmill puts what it names in the place of any text that begins
 * like `$var:f/a/b` or `$WM_TOKEN`, at any depth; a text that begins with `$` is therefore sent with one more, which
 * Windmill leaves there and this takes off. So is a field named `$interpolate`, which Windmill after 1.721 takes for a
 * template of such texts. `$NAME` gives any variable of the worker's environment too: `invalid`, and
 * nothing of the value told, where a text is one of these `secrets`, which nobody who calls may read.
 */
export function asMeant<T>(args: T, secrets: ReadonlySet<string>): T {
  return withTexts(args, (text) => {
    if (!secrets.has(text)) return text.startsWith('$$') ? text.slice(1) : text
    throw new HaiError(
      'invalid',
      'an argument names a secret of the worker’s environment; a text that begins with $ is sent with one more $ in front',
    )
  }) as T
}

const MARKED = /^\$(\$+interpolate)$/

/** A copy of the value with all texts in it changed, and of the names that one. What nests too deep stays: it is refused where it is read. */
function withTexts(value: unknown, change: (text: string) => string, level = 0): unknown {
  if (typeof value === 'string') return change(value)
  if (typeof value !== 'object' || value === null || level > MOST_LEVELS) return value
  if (Array.isArray(value)) return value.map((item) => withTexts(item, change, level + 1))
  // a date, which Windmill makes of a text where a parameter wants one
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name.replace(MARKED, '$1'),
      withTexts(item, change, level + 1),
    ]),
  )
}
