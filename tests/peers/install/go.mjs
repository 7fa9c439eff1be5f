// What is built or read from the modules of Go, as the proxy that this machine has set hands them out.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { run, textOf } from './run.mjs'

// a cache that can be removed like any other folder
const WRITABLE = '-modcacherw'
// stripped: they are run and not debugged, and link in half the time
const FLAGS = [WRITABLE, '-trimpath', '-ldflags=-s -w']

/** What `go mod download` says of a module: `Dir` its files, `GoMod` its go.mod. */
const downloaded = (module, cwd) =>
  JSON.parse(textOf('go', ['mod', 'download', WRITABLE, '-json', module], { cwd }))

/** A main package of a module that has no replacements. */
export function goInstall(target, folder) {
  run('go', ['install', ...FLAGS, target], { env: { GOBIN: folder } })
}

/**
 * kube-apiserver, kubectl and etcd. Kubernetes names the parts of it that are modules by a path beside it; here each is
 * replaced by the module of the same release.
 */
export function buildKubernetes({ kubernetes, etcd }, folder) {
  const work = aModule()
  const theirs = readFileSync(downloaded(`k8s.io/kubernetes@${kubernetes}`, work).GoMod, 'utf8')
  const parts = [...theirs.matchAll(/^\s+(\S+) => \.\/staging\//gm)].map(([, name]) => name)
  if (parts.length === 0) throw new Error(`the go.mod of k8s.io/kubernetes ${kubernetes} names no part of it`)
  const release = kubernetes.replace(/^v1\./, 'v0.')
  const lines = [
    'module peers',
    /^go .*$/m.exec(theirs)[0],
    `require k8s.io/kubernetes ${kubernetes}`,
    `require go.etcd.io/etcd/server/v3 ${etcd}`,
    ...parts.map((name) => `replace ${name} => ${name} ${release}`),
  ]
  writeFileSync(join(work, 'go.mod'), `${lines.join('\n')}\n`)
  const mains = {
    etcd: 'go.etcd.io/etcd/server/v3',
    kubectl: 'k8s.io/kubernetes/cmd/kubectl',
    'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  }
  for (const [name, main] of Object.entries(mains))
    run('go', ['build', '-mod=mod', ...FLAGS, '-o', join(folder, name), main], { cwd: work })
  rmSync(work, { recursive: true })
}

/** The definitions of custom resources that modules carry as YAML, each under its own name. */
export function copyDefinitions(modules, folder) {
  const work = aModule()
  for (const { module, files } of modules) {
    const { Dir } = downloaded(module, work)
    for (const file of files) cpSync(join(Dir, file), join(folder, basename(file)))
  }
  rmSync(work, { recursive: true })
}

/** An empty module to ask and build in. */
function aModule() {
  const folder = mkdtempSync(join(tmpdir(), 'hai-peers-'))
  writeFileSync(join(folder, 'go.mod'), 'module peers\n')
  return folder
}
