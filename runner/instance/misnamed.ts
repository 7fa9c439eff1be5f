import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** A file in the settings' folder that nothing reads, and what it would have to be called. */
export interface Misnamed {
  file: string
  meant: string
  /** There is a file of that name, too. */
  taken: boolean
}

/** Files of hai's own that are no settings. */
const OTHERS = new Set(['config'])
/** What editors and people leave beside a file is no mistake. */
const LEFT =
  /^[.#_]|[~#]$|\.(bak|backup|old|orig|save|swp|swo|tmp|new|off|disabled|example|sample|dist|rej)(\.\w+)?$|\.(dpkg|rpm|pac)\w*$|[-_. ](copy|backup|old|bak)\b|\d{8}/i
const ENDING = /(\.resource)?\.(ya?ml|ym|yam|yml|json5?|jsonc|toml|conf|cfg|ini|txt|properties)$/i

/** Files that were likely meant to be settings: misspelt, of another ending, or called as on Windmill. */
export function misnamedFiles(folder: string, settings: readonly string[]): Misnamed[] {
  return namesIn(folder)
    .filter((file) => !LEFT.test(file))
    .flatMap((file): Misnamed[] => {
      const stem = file
        .replace(ENDING, '')
        .toLowerCase()
        .replace(/^hai[-_. ]?/, '')
      if (stem === file.toLowerCase() && file.includes('.')) return []
      const name = OTHERS.has(stem) ? undefined : nearest(stem, settings)
      const meant = name && `${name}.yaml`
      if (!meant || meant === file || isSame(join(folder, file), join(folder, meant))) return []
      return [{ file, meant, taken: statSync(join(folder, meant), { throwIfNoEntry: false }) !== undefined }]
    })
}

/** Files that look like settings, and are none by any name that is near to theirs. */
export function unknownFiles(folder: string, settings: readonly string[]): string[] {
  const known = [...OTHERS, ...settings].map((name) => `${name}.yaml`)
  const misnamed = misnamedFiles(folder, settings).map(({ file }) => file)
  return namesIn(folder)
    .filter((file) => /\.ya?ml$/i.test(file) && !LEFT.test(file))
    .filter((file) => !known.includes(file) && !misnamed.includes(file))
    .filter((file) => !known.some((name) => isSame(join(folder, file), join(folder, name))))
}

function namesIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name)
  } catch {
    // there is none, or the settings that can't be read there say so themselves
    return []
  }
}

/** Whether two names lead to one file: by a link, or where case makes no difference. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((file) => statSync(file, { throwIfNoEntry: false }))
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev
}

function nearest(stem: string, settings: readonly string[]): string | undefined {
  const [best] = settings
    .map((name) => ({ name, away: distance(stem, name) }))
    .filter(({ away }) => away <= Math.min(2, Math.floor(stem.length / 3)))
    .sort((a, b) => a.away - b.away)
  return best?.name
}

/** How many letters are to be added, removed, replaced, or swapped with their neighbour. */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      const swap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row.push(
        Math.min(
          rows[i - 1]![j]! + 1,
          row[j - 1]! + 1,
          rows[i - 1]![j - 1]! + (same ? 0 : 1),
          swap ? rows[i - 2]![j - 2]! + 1 : Number.POSITIVE_INFINITY,
        ),
      )
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}
