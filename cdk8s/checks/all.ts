import type { KubeObject } from '../charts/manifest-file.ts'
import { PROXY, ROUTES } from '../names.ts'
import { isTarget, type Tree } from '../tree.ts'
import { admission } from './admission.ts'
import { type Check, type Problem, shown, textsOf } from './problem.ts'
import { folders, references } from './references.ts'
import { secretMaterial } from './secret-material.ts'
import { selectors } from './selectors.ts'

/** What needs nothing but the tree: run before anything is written. */
const CHECKS: readonly Check[] = [
  admission,
  duplicates,
  references,
  folders,
  selectors,
  substitution,
  secretMaterial,
  oneHost,
  patchTargets,
]

/** Everything that is wrong with a tree, as far as the tree alone tells. */
export const problemsOf = (tree: Tree): Problem[] => CHECKS.flatMap((check) => check(tree))

/** cdk8s takes two objects of one name without a word; a cluster keeps the last. */
function duplicates({ entries }: Tree): Problem[] {
  const seen = new Map<string, string>()
  return entries.flatMap(({ file, object }) => {
    const key = `${object.apiVersion} ${shown(object)}`
    const first = seen.get(key)
    seen.set(key, file)
    return first === undefined ? [] : [{ where: shown(object), what: `stands in ${first} and in ${file}` }]
  })
}

/** All routes answer to one host, and a login comes back to the same one. */
function oneHost({ entries, host }: Tree): Problem[] {
  return entries.flatMap(({ object }) => {
    const hosts = hostsIn(object)
    return hosts
      .filter((found) => found !== host)
      .map((found) => ({ where: shown(object), what: `names the host ${found} and not ${host}` }))
  })
}

function hostsIn(object: Tree['entries'][number]['object']): string[] {
  const names: readonly string[] = Object.values(ROUTES)
  if (object.kind === 'HTTPRoute' && names.includes(object.metadata.name)) {
    return (object.spec as { hostnames: string[] }).hostnames
  }
  if (object.kind !== 'Deployment' || object.metadata.name !== PROXY) return []
  const { env } = (object.spec as ProxySpec).template.spec.containers[0]
  const redirect = env.find(({ name }) => name === 'OAUTH2_PROXY_REDIRECT_URL')?.value ?? 'none'
  return [/^https:\/\/([^/]+)\/oauth2\/callback$/.exec(redirect)?.[1] ?? redirect]
}

interface ProxySpec {
  template: { spec: { containers: [{ env: { name: string; value?: string }[] }] } }
}

/** A patch that changes nothing, because nothing of its name is made, would be believed to. */
function patchTargets({ config, entries }: Tree): Problem[] {
  const objects = entries.map(({ object }) => object)
  return config.patches.flatMap((patch, index) => {
    const where = `patches.${index}.target`
    const { kind, name } = patch.target
    if (kind === 'Kustomization') {
      return [
        { where, what: 'a Kustomization is no object of a part; flux.components and its kin change it' },
      ]
    }
    if (objects.some(isTarget(patch))) return []
    const known = objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name)
    const there =
      known.length > 0 ? `there are ${known.join(', ')}` : `there are only ${kindsOf(objects).join(', ')}`
    return [{ where, what: `no ${kind} ${name ?? 'at all'} is made; ${there}` }]
  })
}

const kindsOf = (objects: readonly KubeObject[]): string[] =>
  [...new Set(objects.map(({ kind }) => kind).filter((kind) => kind !== 'Kustomization'))].sort()

const VARIABLE = /\$\{([^}]*)\}?/g

/** The variables that Flux may fill in: the domain's, when it is one. */
const allowedVariables = (tree: Tree): string[] =>
  [...tree.config.domain.matchAll(VARIABLE)].map(([, name]) => name!)

/** Only the domain is Flux's to fill in, and nowhere in what a container runs. */
function substitution(tree: Tree): Problem[] {
  const allowed = allowedVariables(tree)
  return tree.entries.flatMap(({ object }) =>
    [...textsOf(object)].flatMap(({ path, text }) =>
      [...text.matchAll(VARIABLE)].flatMap(([variable, name]) => {
        const where = `${shown(object)} ${path.join('.')}`
        if (!allowed.includes(name!)) return [{ where, what: `${variable} is none of Flux's variables` }]
        const inCommand = path.some((key) => key === 'command' || key === 'args')
        return inCommand ? [{ where, what: `${variable} stands in a command; use the environment` }] : []
      }),
    ),
  )
}
