export const DOMAIN = `\${SECRET_DOMAIN}`
export const APPS = 'kubernetes/apps'

/** A file's objects, each as `kind name` with a body. */
export const flux = (name: string, path: string, more = '') => `---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: &app ${name}
${more}spec:
  path: ./${APPS}/${path}
  targetNamespace: ${path.split('/')[0]}
  sourceRef: {kind: GitRepository, name: home-ops, namespace: flux-system}
`
export const release = (name: string, values = '{}') => `---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: ${name}
spec:
  chart: {spec: {chart: ${name}}}
  values: ${values}
`
export const gateway = (name: string) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: ${name}
  annotations:
    external-dns.alpha.kubernetes.io/target: ${name}.${DOMAIN}
spec:
  gatewayClassName: envoy
  listeners:
    - {name: http, protocol: HTTP, port: 80}
    - {name: tls, protocol: HTTPS, port: 443}
`
const list = (namespace: string, ...resources: string[]) =>
  `---
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: ${namespace}
components:
  - ../../components/alerts
resources:
${resources.map((one) => `  - ${one}\n`).join('')}`

/** A homelab's Flux repository, as far as it tells what hai must know: each file by its path. */
export const REPOSITORY: Record<string, string> = {
  [`${APPS}/home/kustomization.yaml`]: list('home', './namespace.yaml', './windmill/ks.yaml # the engine'),
  [`${APPS}/home/windmill/ks.yaml`]: flux('windmill', 'home/windmill/app'),
  [`${APPS}/home/windmill/app/helmrelease.yaml`]: release('windmill', `{host: "windmill.${DOMAIN}"}`),
  [`${APPS}/sso/kustomization.yaml`]: list('sso', './authelia/ks.yaml'),
  [`${APPS}/sso/authelia/ks.yaml`]: flux('authelia', 'sso/authelia/app'),
  [`${APPS}/sso/authelia/app/helmrelease.yaml`]: release('authelia'),
  [`${APPS}/sso/authelia/app/configuration.yaml`]: `authelia_url: https://login.${DOMAIN}\nsubject: ['group:admins']\n`,
  [`${APPS}/security/kustomization.yaml`]: list('security', './stores/ks.yaml'),
  [`${APPS}/security/stores/ks.yaml`]: flux('stores', 'security/stores/app'),
  [`${APPS}/security/stores/app/store.yaml`]:
    '---\napiVersion: external-secrets.io/v1\nkind: ClusterSecretStore\nmetadata: {name: vault}\nspec: {provider: {onepasswordSDK: {}}}\n',
  [`${APPS}/data/kustomization.yaml`]: list('data', './cloudnative-pg/ks.yaml'),
  [`${APPS}/data/cloudnative-pg/ks.yaml`]: flux('cloudnative-pg', 'data/cloudnative-pg/app'),
  [`${APPS}/data/cloudnative-pg/app/helmrelease.yaml`]: release('cloudnative-pg'),
  [`${APPS}/network/kustomization.yaml`]: list('network', './envoy/ks.yaml'),
  [`${APPS}/network/envoy/ks.yaml`]: flux('envoy', 'network/envoy/app'),
  [`${APPS}/network/envoy/app/gateways.yaml`]: gateway('external') + gateway('internal'),
  [`${APPS}/network/envoy/app/policy.yaml`]:
    '---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\nmetadata: {name: login-for-all}\nspec: {targetRefs: [{kind: Gateway, name: external}]}\n',
  [`${APPS}/kube-system/cilium/app/values.yaml`]: 'ipv4NativeRoutingCIDR: 10.99.0.0/16\n',
  '.git/config.yaml': 'kind: Gateway\n',
}
