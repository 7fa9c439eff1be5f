import { listOf, mapOf, type Repository, release, specOf, textOf } from './repository.ts'
import { isLabel, isPort, isSubdomain } from './shapes.ts'

export interface SeenGateway {
  name: string
  namespace: string
  /** Whether its name says that the internet reaches it. */
  external: boolean
  /** Where external-dns points the names of its routes. */
  target?: string
  file: string
}

/** A SecurityPolicy that a whole gateway has. */
export interface GatewayPolicy {
  gateway: string
  name: string
  file: string
}

/** The gateways that Envoy Gateway serves. */
export function gatewaysOf(repository: Repository, skips: (line: string) => void): SeenGateway[] {
  const { objects } = repository
  const envoy = objects
    .filter((one) => one.kind === 'GatewayClass' && /envoyproxy/.test(String(specOf(one).controllerName)))
    .map(({ name }) => name)
  return objects
    .filter((one) => one.kind === 'Gateway' && one.namespace !== undefined)
    .filter((one) => envoy.length === 0 || envoy.includes(String(specOf(one).gatewayClassName)))
    .filter(({ name, namespace, file }) => {
      const taken = isSubdomain(name) && name.length <= 63 && isLabel(namespace)
      if (!taken) skips(`${file}: the Gateway ${namespace}/${name} has no name that the settings take`)
      return taken
    })
    .map(({ name, namespace, file, object }) => {
      const { said, port, listener } = listenerOf(repository, { name, file }) ?? {}
      if (said && port === undefined) skips(`${file}: the TLS listener of Gateway ${name} says no port`)
      if (said && listener === undefined) skips(`${file}: the TLS listener of Gateway ${name} says no name`)
      const annotations = Object.entries(mapOf(mapOf(object.metadata).annotations))
      const target = textOf(annotations.find(([key]) => /^external-dns\..*\/target$/.test(key))?.[1])
      const external = /ext|public|internet/.test(name) && !/int(ernal)?$/.test(name)
      return { name, namespace: namespace!, file, external, ...(target ? { target } : {}) }
    })
}

export function policiesOf({ objects }: Repository): GatewayPolicy[] {
  const gateways = objects.filter(({ kind }) => kind === 'Gateway').map(({ name }) => name)
  return objects
    .filter(({ kind }) => kind === 'SecurityPolicy')
    .flatMap((one) => {
      const { targetRef, targetRefs, targetSelectors } = specOf(one)
      const named = [...listOf(targetRefs), mapOf(targetRef)]
        .filter(({ kind }) => kind === 'Gateway')
        .map(({ name }) => String(name))
      const all = listOf(targetSelectors).some(({ kind }) => kind === 'Gateway') ? gateways : []
      return [...named, ...all].map((gateway) => ({ gateway, name: one.name, file: one.file }))
    })
}

/** The listener of a gateway that speaks TLS, and where Envoy Gateway's pods listen for it. */
export function listenerOf({ objects }: Repository, gateway: { name: string; file: string }) {
  const found = objects.find(
    (one) => one.kind === 'Gateway' && one.name === gateway.name && one.file === gateway.file,
  )
  const tls = found && listOf(specOf(found).listeners).find(({ protocol }) => protocol === 'HTTPS')
  if (!tls) return undefined
  const controller = release(objects, /^(envoy-)?gateway(-helm)?$|^envoy-gateway$/)
  const beside = controller ? JSON.stringify(specOf(controller)).includes('GatewayNamespace') : true
  const { name, port } = tls
  return {
    said: true,
    listener: isSubdomain(name) ? name : undefined,
    // a pod may not listen below 1024 without a right of its own
    port: isPort(port) ? (port < 1024 ? port + 10_000 : port) : undefined,
    ...(beside || !isLabel(controller?.namespace) ? {} : { pods_namespace: controller!.namespace }),
  }
}
