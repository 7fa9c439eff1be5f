import type { Config } from '../config/config.ts'

/** An image of the operator's copy beside another one: hai's own pin, which it replaces, or that of the settings, which wins. */
export interface KeptImage {
  field: string
  image: string
  instead: string
}

const REFERENCE = /^\s*(?:- )?image(?:Name)?: "?([^\s"]+@sha256:[0-9a-f]{64})"?$/gm

/**
 * The configuration with the images that stand in the operator's copy, where they are newer than hai's own pins: a bot
 * that moves them there is not undone. What the settings say by name wins.
 */
export function keepImages(
  config: Config,
  given: unknown,
  copy: Iterable<string>,
): { config: Config; kept: KeptImage[]; undone: KeptImage[] } {
  const there = new Map(
    [...copy].flatMap((text) => [...text.matchAll(REFERENCE)].map(([, image]) => [nameOf(image!), image!])),
  )
  const kept: KeptImage[] = []
  const undone: KeptImage[] = []
  const changed = structuredClone(config)
  for (const part of ['edge', 'watchdog', 'database', 'worker'] as const) {
    const settings = changed[part] as { image?: string } | undefined
    const instead = settings?.image
    if (settings === undefined || instead === undefined) continue
    const image = there.get(nameOf(instead))
    if (image === undefined || image === instead) continue
    if (isGiven(given, part)) {
      undone.push({ field: `${part}.image`, image, instead })
      continue
    }
    // the version of a database is never raised by the way
    if (part !== 'database' && isOlder(image, instead)) continue
    settings.image = image
    kept.push({ field: `${part}.image`, image, instead })
  }
  return { config: changed, kept, undone }
}

const isGiven = (given: unknown, part: string): boolean =>
  (given as Record<string, { image?: unknown } | undefined> | null | undefined)?.[part]?.image !== undefined

/** Registry and repository, without tag and digest. */
const nameOf = (image: string): string => image.replace(/@.*$/, '').replace(/:[\w.-]+$/, '')

/** Whether both tags are versions and the first one is behind. */
function isOlder(image: string, other: string): boolean {
  const [mine, theirs] = [versionOf(image), versionOf(other)]
  if (!mine || !theirs) return false
  const at = mine.findIndex((number, index) => number !== theirs[index])
  return at >= 0 && mine[at]! < theirs[at]!
}

function versionOf(image: string): number[] | undefined {
  const [, ...numbers] = /:v?(\d+)\.(\d+)(?:\.(\d+))?[^/@]*@/.exec(image) ?? []
  return numbers.length === 0 ? undefined : [0, 1, 2].map((index) => Number(numbers[index] ?? 0))
}
