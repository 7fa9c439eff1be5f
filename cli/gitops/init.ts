import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Failure } from '../failure.ts'
import { checkout } from '../files.ts'
import { listenerOf } from './gateways.ts'
import { type Look, lookAt, type Seen } from './look.ts'
import { type Repository, readRepository } from './repository.ts'
import { type Setting, settingsText } from './settings.ts'

/** What the command line says; the rest is found, or asked for. */
export interface InitOptions {
  namespace?: string
  workspace?: string
  domain?: string
  exposure?: string
  gateway?: string
  groups?: string
  podNetwork?: string
  backups?: string
  overridePolicy?: boolean
}

/** A question, with the answer that is taken when nobody is asked. */
export interface Question {
  field: string
  message: string
  fallback: string | boolean
  choices?: string[]
  /** Whether it matters at all, after the answers before it. */
  when?: (answers: Answers) => boolean
}

export type Answers = Record<string, string | boolean>

/** What was found, and what only the operator can say. */
export interface Plan {
  repository: Repository
  look: Look
  settings: Setting[]
  questions: Question[]
}

const DEFAULTS = {
  namespace: 'home',
  path: './kubernetes/apps',
  network: '10.42.0.0/16',
  group: 'lldap_admin',
  domain: `\${SECRET_DOMAIN}`,
}

/** The answer that means no backups. */
const NO_BACKUPS = 'none'

/** Reads the repository, and says which settings follow from it and which must be asked for. Writes nothing. */
export function planInit(folder: string, options: InitOptions): Plan {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new Failure('notFound', `there is no folder ${folder}`, { next: 'name your Flux repository' })
  }
  const repository = readRepository(folder)
  const look = withoutSaid(lookAt(repository), options)
  const seen = look.seen.filter(
    ({ field }) => field !== 'edge.trusted_proxies' && field !== 'edge.allowed_groups',
  )
  const settings: Setting[] = seen.map(({ field, value, from }) => ({ field, value, why: from }))
  const say = (field: string, value: unknown, why: string) => {
    const at = settings.findIndex((one) => one.field === field)
    if (at >= 0) settings.splice(at, 1)
    settings.push({ field, value, why })
  }
  for (const [field, value] of [
    ['namespace', options.namespace],
    ['domain', options.domain],
    ['windmill.workspace', options.workspace],
  ] as const) {
    if (value !== undefined) say(field, value, 'as you said')
  }
  const has = (field: string) => settings.some((one) => one.field === field)
  if (!has('namespace')) say('namespace', DEFAULTS.namespace, 'nothing was found')
  if (!has('flux.path')) say('flux.path', DEFAULTS.path, 'nothing was found')
  say('edge.kind', 'oauth2-proxy', 'envoy-extauth has Envoy ask Authelia itself')
  if (settings.some(({ field }) => field.startsWith('database.')))
    say('database.kind', 'cluster', 'existing takes a cluster that is there')
  return { repository, look, settings, questions: questionsOf(look, options) }
}

/** What the command line says is not missed. */
const withoutSaid = (look: Look, options: InitOptions): Look => ({
  ...look,
  unseen: look.unseen.filter(({ option }) => option === undefined || options[option] === undefined),
})

function questionsOf(look: Look, options: InitOptions): Question[] {
  const { seen, gateways, policies } = look
  const found = (field: string) => seen.find((one) => one.field === field)
  const network = found('edge.trusted_proxies')
  const group = found('edge.allowed_groups')
  const known = (one: Seen | undefined, otherwise: string) => ({
    text: one ? String((one.value as string[])[0]) : otherwise,
    note: one ? ` (${one.from})` : '',
  })
  const pods = known(network, DEFAULTS.network)
  const allowed = known(group, DEFAULTS.group)
  const domain = options.domain ?? String(found('domain')?.value ?? DEFAULTS.domain)
  const all: (Question | undefined)[] = [
    options.exposure === undefined && gateways.some(({ external }) => external)
      ? {
          field: 'exposure',
          message: 'Who may reach hai: your own networks, or the internet?',
          fallback: 'internal',
          choices: ['internal', 'external'],
        }
      : undefined,
    options.workspace === undefined
      ? { field: 'windmill.workspace', message: "The id of Windmill's workspace for hai", fallback: 'main' }
      : undefined,
    options.groups === undefined
      ? {
          field: 'edge.allowed_groups',
          message: `Authelia's groups whose members may enter, with commas between${allowed.note}`,
          fallback: allowed.text,
        }
      : undefined,
    options.podNetwork === undefined && !network
      ? { field: 'edge.trusted_proxies', message: 'The network of pods', fallback: pods.text }
      : undefined,
    options.backups === undefined && !seen.some(({ field }) => field.startsWith('database.backup'))
      ? {
          field: 'database.backup.endpoint',
          message: `The S3 address for the database's backups, in a bucket hai-postgres that must be there; ${NO_BACKUPS} for no backups`,
          fallback: `https://s3.${domain}`,
        }
      : undefined,
    options.overridePolicy === undefined && policies.length > 0
      ? {
          field: 'gateway.override_policy',
          message: `${[...new Set(policies.map(({ gateway, name, file }) => `${name} (${file}) guards all of gateway ${gateway}`))].join('; ')}. May hai's routes replace it, whole? They check for themselves; with a login of its own it would stop machines, and an address list should stay`,
          fallback: false,
          when: (answers) => {
            const exposure = options.exposure ?? String(answers.exposure ?? 'internal')
            const chosen = options.gateway ?? gatewayFor(look, exposure, undefined)?.name
            return policies.some(({ gateway }) => gateway === chosen)
          },
        }
      : undefined,
  ]
  return all.filter((one) => one !== undefined)
}

/** The plan's settings with the answers, which win over what was found. */
export function settled(plan: Plan, options: InitOptions, answers: Answers): Setting[] {
  const { look, repository } = plan
  const listed = (text: string) =>
    text
      .split(',')
      .map((one) => one.trim())
      .filter(Boolean)
  const asked = (field: string) => answers[field]
  const said: Record<string, unknown> = {
    exposure: options.exposure,
    'windmill.workspace': options.workspace,
    'edge.allowed_groups': options.groups,
    'edge.trusted_proxies': options.podNetwork,
  }
  const why = (field: string) => (said[field] === undefined ? 'your answer, or the default' : 'as you said')
  const exposure = options.exposure ?? String(asked('exposure') ?? 'internal')
  const found = look.seen.find(({ field }) => field === 'edge.trusted_proxies')
  const networks =
    options.podNetwork ?? asked('edge.trusted_proxies') ?? (found?.value as string[] | undefined)?.join()
  const groups = options.groups ?? asked('edge.allowed_groups')
  const gateway = gatewayFor(look, exposure, options.gateway)
  const settings = plan.settings.filter(({ field }) => field !== 'windmill.workspace')
  settings.push({
    field: 'windmill.workspace',
    value: options.workspace ?? asked('windmill.workspace') ?? 'main',
    why: why('windmill.workspace'),
  })
  settings.push({ field: 'exposure', value: exposure, why: why('exposure') })
  settings.push({
    field: 'edge.allowed_groups',
    value: listed(String(groups)),
    why: why('edge.allowed_groups'),
  })
  settings.push({
    field: 'edge.trusted_proxies',
    value: listed(String(networks)),
    why: found && options.podNetwork === undefined ? found.from : why('edge.trusted_proxies'),
  })
  if (gateway) settings.push(...gatewaySettings(repository, gateway))
  const backups = options.backups ?? asked('database.backup.endpoint')
  if (backups !== undefined) {
    const none = backups === NO_BACKUPS
    const others = settings.filter(({ field }) => !field.startsWith('database.backup'))
    settings.splice(0, settings.length, ...others)
    if (!settings.some(({ field }) => field === 'database.kind'))
      settings.push({
        field: 'database.kind',
        value: 'cluster',
        why: 'existing takes a cluster that is there',
      })
    settings.push({
      field: none ? 'database.backup' : 'database.backup.endpoint',
      value: backups,
      why: options.backups === undefined ? 'your answer, or the default' : 'as you said',
    })
  }
  const override = options.overridePolicy ?? asked('gateway.override_policy')
  const guarded = look.policies.filter((one) => one.gateway === gateway?.name)
  if (override !== undefined && guarded.length > 0) {
    const names = guarded.map(({ name, file }) => `${name}, ${file}`).join('; ')
    settings.push({ field: 'gateway.override_policy', value: override, why: names })
  }
  return settings
}

function gatewayFor({ gateways }: Look, exposure: string, named: string | undefined) {
  if (named !== undefined) {
    const found = gateways.find(({ name }) => name === named)
    if (found) return found
    // of a cluster that is not in the repository, what the operator says is all there is
    if (gateways.length === 0)
      return { name: named, namespace: 'network', external: false, file: 'as you said' }
    const there = gateways.map(({ name }) => name).join(', ')
    throw new Failure(
      'usage',
      `--gateway: ${JSON.stringify(named)} is not in the repository; expected ${there || 'one that it declares'}`,
    )
  }
  const fitting = gateways.filter(({ external }) => external === (exposure === 'external'))
  const chosen = fitting.find(({ name }) => /int/.test(name)) ?? fitting[0]
  if (chosen || (exposure === 'internal' && gateways.length === 0)) return chosen
  // neither is the internet let in unasked, nor hai hidden from it
  const there = gateways.map(({ name }) => name).join(', ')
  throw new Failure(
    'usage',
    `no Gateway of the repository looks ${exposure}${there ? `; there is ${there}` : ''}; nothing is written`,
    { next: '--gateway with the name of the one you mean' },
  )
}

function gatewaySettings(repository: Repository, gateway: Look['gateways'][number]): Setting[] {
  const { name, namespace, file, target } = gateway
  const listener = listenerOf(repository, gateway)
  const why = target ? `${file}; DNS sends its hosts to ${target}` : file
  return [
    { field: 'gateway.name', value: name, why },
    { field: 'gateway.namespace', value: namespace },
    ...(listener
      ? [
          ...(listener.listener ? [{ field: 'gateway.listener', value: listener.listener }] : []),
          ...(listener.port ? [{ field: 'gateway.pods_port', value: listener.port }] : []),
          ...(listener.pods_namespace
            ? [{ field: 'gateway.pods_namespace', value: listener.pods_namespace }]
            : []),
        ]
      : []),
  ]
}

/** Where hai lies in the repository. */
export function placesOf(settings: readonly Setting[]): { home: string; list: string; namespace: string } {
  const value = (field: string) => String(settings.find((one) => one.field === field)!.value)
  const namespace = value('namespace')
  const there = `${value('flux.path').replace(/^\.\//, '')}/${namespace}`
  return { home: `${there}/hai`, list: `${there}/kustomization.yaml`, namespace }
}

/** Refuses to replace settings that are there, unless told to, and to put others beside them at all. */
export function refuseOthers({ repository, settings }: Plan, force: boolean): void {
  const file = `${placesOf(settings).home}/my.yaml`
  const { folder } = repository
  for (const there of repository.settings) {
    if (there === file && force) continue
    throw new Failure('conflict', `${join(folder, there)} is there already; nothing is changed`, {
      next:
        there === file
          ? `npm run synth -- --out ${folder}, or --force to have it written anew`
          : `npm run synth -- --out ${folder}; one repository has one hai, or one --config for each`,
    })
  }
}

/** Writes the settings. */
export function writeSettings(folder: string, settings: readonly Setting[]): string {
  const file = `${placesOf(settings).home}/my.yaml`
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), settingsText(settings))
  return file
}

/** The line that has Flux find hai, as it would be added to the operator's list; undefined when it is there. */
export function lineFor(folder: string, settings: readonly Setting[]): Addition | undefined {
  const { list, namespace } = placesOf(settings)
  const path = join(folder, list)
  if (!existsSync(path)) {
    const text = `---\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: ${namespace}\nresources:\n`
    const space = `---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${namespace}\n`
    return {
      file: list,
      line: '  - ./hai/ks.yaml',
      files: [
        [list, `${text}  - ./namespace.yaml\n  - ./hai/ks.yaml\n`],
        [join(dirname(list), 'namespace.yaml'), space],
      ],
    }
  }
  const text = readFileSync(path, 'utf8')
  if (/^\s*- "?(\.\/)?hai(\/ks\.yaml|\/)?"?\s*(#.*)?$/m.test(text)) return undefined
  const at = lastItem(text)
  if (at === undefined) return { file: list, line: '  - ./hai/ks.yaml', files: [] }
  const line = `${at.indent}- ./hai/ks.yaml`
  return { file: list, line, files: [[list, `${text.slice(0, at.end)}${line}\n${text.slice(at.end)}`]] }
}

export interface Addition {
  file: string
  line: string
  /** What would be written, with consent; none where the list is in a form that is left to a person. */
  files: [file: string, text: string][]
}

/** The end of the last item of a list of resources, and how far it is indented. */
function lastItem(text: string): { end: number; indent: string } | undefined {
  const start = /^resources:[ \t]*\n/m.exec(text)
  if (!start) return undefined
  let end = start.index + start[0].length
  let found: { end: number; indent: string } | undefined
  for (const line of text.slice(end).split(/(?<=\n)/)) {
    if (/^[^\s#-]/.test(line)) break
    end += line.length
    const item = /^([ \t]*)- /.exec(line)
    if (item && line.endsWith('\n')) found = { end, indent: item[1]! }
  }
  return found
}

/** Has synth of this checkout make the manifests, with its output; the settings follow when it took them. The exit status. */
export async function synthInto(
  folder: string,
  settings: readonly Setting[],
  print: (line: string) => void,
): Promise<number> {
  const root = checkout()
  const built = await program([join(root, 'build.mjs'), 'synth'], root, print)
  if (built !== 0) {
    throw new Failure('bug', 'the generator of this checkout cannot be built', {
      next: `npm install in ${root}`,
    })
  }
  const aside = mkdtempSync(join(tmpdir(), 'hai-settings-'))
  try {
    const file = join(aside, 'my.yaml')
    writeFileSync(file, settingsText(settings))
    const own = join(folder, placesOf(settings).home, 'my.yaml')
    const status = await program(
      [join(root, 'build', 'synth.cjs'), '--out', folder, '--config', file],
      root,
      (line) => print(line.replaceAll(file, own)),
    )
    if (status === 0) print(`written  ${join(folder, writeSettings(folder, settings))}`)
    return status
  } finally {
    rmSync(aside, { recursive: true })
  }
}

function program(argv: string[], cwd: string, print: (line: string) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argv, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let rest = ''
    const take = (chunk: Buffer) => {
      const lines = (rest + chunk.toString('utf8')).split('\n')
      rest = lines.pop()!
      for (const line of lines) print(line)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('error', reject)
    child.once('close', (code) => {
      if (rest) print(rest)
      resolve(code ?? 1)
    })
  })
}
