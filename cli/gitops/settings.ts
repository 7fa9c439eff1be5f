/** One line of the settings file: a field by its dotted path, and why it says what it does. */
export interface Setting {
  field: string
  value: unknown
  why?: string
}

const ORDER = [
  'domain',
  'host',
  'namespace',
  'exposure',
  'gateway',
  'windmill',
  'edge',
  'secrets',
  'network_policy',
  'database',
  'monitoring',
  'dashboard',
  'flux',
]
/** Fields that say which shape the others have. */
const FIRST = ['kind', 'delivery', 'name']

const HEAD = [
  '---',
  '# The settings of hai. All other files of this folder are made from them:',
  '#   npm run synth -- --out <this repository>, in the checkout of hai',
  '# What is not said here has the default in cdk8s/config/. An image is yours to move in the files themselves.',
]

/** The settings as a file that a person may go on with. */
export function settingsText(settings: readonly Setting[]): string {
  const known = settings.map((setting) => ({ ...setting, path: setting.field.split('.') }))
  const rank = ({ path }: Placed) => [ORDER.indexOf(path[0]!), path.length > 1 ? after(path.at(-1)!) : 0]
  const sorted = known.sort((a, b) => rank(a)[0]! - rank(b)[0]! || rank(a)[1]! - rank(b)[1]!)
  return `${[...HEAD, ...lines(sorted, 0)].join('\n')}\n`
}

interface Placed extends Setting {
  path: string[]
}

const after = (key: string): number => (FIRST.includes(key) ? FIRST.indexOf(key) : FIRST.length)

/** The fields at one depth; those below a common key stand under it. */
function lines(settings: readonly Placed[], depth: number): string[] {
  const indent = '  '.repeat(depth)
  const keys = [...new Set(settings.map(({ path }) => path[depth]!))]
  return keys.flatMap((key) => {
    const there = settings.filter(({ path }) => path[depth] === key)
    const [leaf] = there
    if (there.length === 1 && leaf!.path.length === depth + 1) {
      return [`${indent}${key}: ${inline(leaf!.value)}${leaf!.why ? `  # ${leaf!.why}` : ''}`]
    }
    return [`${indent}${key}:`, ...lines(there, depth + 1)]
  })
}

/** A value on one line. JSON is YAML; a word that no reader can mistake needs no quotes. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, inner]) => `${inline(key)}: ${inline(inner)}`)
      .join(', ')}}`
  }
  const text = JSON.stringify(value)
  const plain = /^"[A-Za-z.][\w./-]*[\w/]"$/.test(text) && !/^"(true|false|yes|no|on|off|null)"$/i.test(text)
  return plain ? text.slice(1, -1) : text
}
