/** A record's own entry of a name that came from outside: `constructor` and `__proto__` are names that every object has. */
export const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined
