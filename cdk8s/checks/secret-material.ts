import type { Tree } from '../tree.ts'
import { type Problem, shown } from './problem.ts'

const LOOKS_LIKE_A_SECRET = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\$(pbkdf2|argon2|2[aby]|scrypt)[^\s"']*\$/,
  /\b(sk-|ghp_|github_pat_|xox[bp]-|eyJ[\w-]{10,}\.)[\w-]{10,}/,
]
const NAMES_A_SECRET = /(SECRET|TOKEN|PASSWORD|API_?KEY)$/
const OWN_VALUE = 'has a value of its own; take it from a Secret'
/** External Secrets fills in what stands in these. */
const FILLED_IN = /^\{\{.*\}\}$/

/** Nothing in the tree is a secret: only names of secrets are. */
export function secretMaterial({ config, entries, files }: Tree): Problem[] {
  const secrets = entries.flatMap(({ object }) =>
    object.kind === 'Secret'
      ? [{ where: shown(object), what: 'is a Secret; fetch it with an ExternalSecret' }]
      : [],
  )
  const texts = [...files].flatMap(([where, text]) => {
    const found = LOOKS_LIKE_A_SECRET.find((pattern) => pattern.test(text))
    return found ? [{ where, what: `holds what looks like a secret (${found.source})` }] : []
  })
  const written = [
    ...entries.map(({ object }) => ({ where: shown(object), value: object as unknown })),
    ...config.patches.map(({ patch }, index) => ({
      where: `patches.${index}.patch`,
      value: patch as unknown,
    })),
  ]
  const literals = written.flatMap(({ where, value }) =>
    [...literalsOf(value)].map((name) => ({
      where,
      what: `${name} ${OWN_VALUE}`,
    })),
  )
  // snippets are no objects of ours
  const lines = [...files].flatMap(([where, text]) =>
    [...text.matchAll(/- name: (\w+)\n\s+value: /g)]
      .filter(([, name]) => NAMES_A_SECRET.test(name!))
      .map(([, name]) => ({ where, what: `${name} ${OWN_VALUE}` })),
  )
  return [...secrets, ...texts, ...literals, ...lines]
}

/** The names of secrets that are given as a text: in an environment, or as data. */
function* literalsOf(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return
  const { name, value: own, data } = value as Record<string, unknown>
  if (isLiteral(name, own)) yield name as string
  for (const [key, text] of Object.entries(typeof data === 'object' && data !== null ? data : {}))
    if (isLiteral(key, text)) yield key
  for (const inner of Object.values(value)) yield* literalsOf(inner)
}

const isLiteral = (name: unknown, value: unknown): boolean =>
  typeof name === 'string' && NAMES_A_SECRET.test(name) && typeof value === 'string' && !FILLED_IN.test(value)
