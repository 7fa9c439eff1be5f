import { z } from 'zod'

/** A record's own entry of a name that came from outside: `constructor` and `__proto__` are names that every object has. */
export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}

/** Values by names that a caller chose. `__proto__`, which zod would leave out without a word, is refused. */
export const record = <Value extends z.ZodType>(value: Value) =>
  z.preprocess(
    (given, context) => {
      if (typeof given === 'object' && given !== null && Object.hasOwn(given, '__proto__'))
        context.addIssue({
          code: 'custom',
          path: ['__proto__'],
          message: 'no name that can be kept; choose another',
        })
      return given
    },
    z.record(z.string(), value),
  )
