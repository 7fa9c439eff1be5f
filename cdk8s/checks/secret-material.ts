import type { Tree } from '../tree.ts'
import { type Problem, shown } from './problem.ts'

const LOOKS_LIKE_A_SECRET = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\$(pbkdf2|argon2|2[aby]|scrypt)[^\s"']*\$/,
  /\b(sk-|ghp_|github_pat_|xox[bp]-|eyJ[\w-]{10,}\.)[\w-]{10,}/,
]
const NAMES_A_SECRET = /(SECRET|TOKEN|PASSWORD|API_?KEY)$/

/** Nothing in the tree is a secret: only names of secrets are. */
export function secretMaterial({ entries, files }: Tree): Problem[] {
  const secrets = entries.flatMap(({ object }) =>
    object.kind === 'Secret'
      ? [{ where: shown(object), what: 'is a Secret; fetch it with an ExternalSecret' }]
      : [],
  )
  const texts = [...files].flatMap(([where, text]) => {
    const found = LOOKS_LIKE_A_SECRET.find((pattern) => pattern.test(text))
    return found ? [{ where, what: `holds what looks like a secret (${found.source})` }] : []
  })
  const literals = [...files].flatMap(([where, text]) =>
    [...text.matchAll(/- name: (\w+)\n\s+value: (.*)/g)]
      .filter(([, name]) => NAMES_A_SECRET.test(name!))
      .map(([, name]) => ({ where, what: `${name} has a value of its own; take it from a Secret` })),
  )
  return [...secrets, ...texts, ...literals]
}
