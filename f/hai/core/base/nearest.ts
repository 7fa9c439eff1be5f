/** The word that was likely meant: the one that differs in the fewest letters, and in few; undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const meant = word.toLowerCase()
  const limit = Math.min(2, Math.floor(meant.length / 3))
  const [best] = known
    .map((name) => ({ name, away: distance(meant, name.toLowerCase()) }))
    .filter(({ away }) => away <= limit)
    .sort((a, b) => a.away - b.away)
  return best?.name
}

/** How many letters are to be added, removed, replaced or swapped with their neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
          ? before[j - 2]! + 1
          : Number.POSITIVE_INFINITY
      row.push(Math.min(last[j]! + 1, row[j - 1]! + 1, replaced, swapped))
    }
    before = last
    last = row
  }
  return last[b.length]!
}
