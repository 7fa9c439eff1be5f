const SHORT = 6

/** An id as people see it: its last six characters. */
export function shortId(id: string): string {
  return id.slice(-SHORT)
}

/** The same for ids shown together: as many more characters as tell all of them apart. */
export function shortIds(ids: string[]): string[] {
  const distinct = new Set(ids).size
  let length = SHORT
  while (length < 26 && new Set(ids.map((id) => id.slice(-length))).size < distinct) length++
  return ids.map((id) => id.slice(-length))
}
