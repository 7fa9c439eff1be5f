import { PROXY, ROUTES } from '../names.ts'
import type { Tree } from '../tree.ts'
import { type Problem, shown } from './problem.ts'

/** All routes answer to one host, and a login comes back to the same one. */
export function oneHost({ entries, host }: Tree): Problem[] {
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
