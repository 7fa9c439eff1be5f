import { join } from 'node:path'
import { Failure } from '../cli/failure.ts'
import { checkout, configDirOf, expandHome, stateDirOf, tilde, writePrivate } from '../cli/files.ts'
import type { Session } from '../cli/session.ts'

/** The options of `hai worker run`. */
export interface WorkerFlags {
  /** NAME or NAME/MODEL. */
  backend?: string
  lane?: string[]
  concurrency?: number
  name?: string
  /** Seconds. */
  grace?: number
  service?: boolean
}

type Env = Record<string, string | undefined>

/** What a worker needs of the environment it is installed from; never a secret. */
const KEPT = [
  'PATH',
  'XDG_CONFIG_HOME',
  'XDG_STATE_HOME',
  'HAI_DATA_DIR',
  'OLLAMA_HOST',
  'NODE_EXTRA_CA_CERTS',
]
/** What a start and a last word take, besides the grace. */
const MARGIN_SECONDS = 15

/** Writes the service that runs this command line, and says how to start it. Starts nothing. */
export async function installService(
  session: Session,
  flags: WorkerFlags,
  graceSeconds: number,
  platform: NodeJS.Platform = process.platform,
): Promise<void> {
  const { env } = session.io
  const profile = await session.profile()
  if (env.HAI_ENDPOINT || env.HAI_TOKEN) {
    throw new Failure(
      'usage',
      'a service takes endpoint and token from a profile, not from HAI_ENDPOINT and HAI_TOKEN',
      {
        next: 'hai profile add NAME --endpoint URL --workspace NAME, hai auth set-token, then again with --profile NAME',
      },
    )
  }
  const service: Service = {
    name: ['hai-worker', flags.name ?? flags.backend]
      .filter(Boolean)
      .join('-')
      .replace(/[^\w-]+/g, '-'),
    command: [process.execPath, join(checkout(), 'cli', 'bin.cjs'), ...wordsOf(flags, profile.name)],
    environment: kept(env),
    stopSeconds: graceSeconds + MARGIN_SECONDS,
  }
  if (platform === 'linux') systemd(session, service)
  else if (platform === 'darwin') launchd(session, service)
  else throw new Failure('usage', `there is no service to write on ${platform}; only on Linux and macOS`)
}

function systemd(session: Session, service: Service): void {
  const { env } = session.io
  const secrets = join(configDirOf(env), 'worker.env')
  const file = join(configDirOf(env), '..', 'systemd', 'user', `${service.name}.service`)
  writePrivate(file, systemdUnit(service, secrets))
  session.print(`wrote ${tilde(file, env)}`)
  session.note(`start it: systemctl --user daemon-reload && systemctl --user enable --now ${service.name}`)
  session.note('let it run while you are logged out: loginctl enable-linger')
  session.note(`watch it: journalctl --user -u ${service.name} -f`)
  session.note(
    `keys and HAI_DATABASE_URL, if it needs any, go into ${tilde(secrets, env)} (chmod 600), NAME=value`,
  )
}

function launchd(session: Session, service: Service): void {
  const { env } = session.io
  const file = expandHome(`~/Library/LaunchAgents/${service.name}.plist`, env)
  const log = join(stateDirOf(env), `${service.name}.log`)
  writePrivate(file, launchdAgent(service, log))
  session.print(`wrote ${tilde(file, env)}`)
  session.note(`start it: launchctl bootstrap gui/$(id -u) '${file}'`)
  session.note(`watch it: tail -f '${log}'`)
  session.note('keys and HAI_DATABASE_URL, if it needs any: launchctl setenv NAME value, before it starts')
}

function wordsOf(flags: WorkerFlags, profile: string): string[] {
  const { backend, lane = [], concurrency, name, grace } = flags
  return [
    ...['--profile', profile, 'worker', 'run'],
    ...(backend ? ['--backend', backend] : []),
    ...lane.flatMap((one) => ['--lane', one]),
    ...(concurrency === undefined ? [] : ['--concurrency', String(concurrency)]),
    ...(name === undefined ? [] : ['--name', name]),
    ...(grace === undefined ? [] : ['--grace', String(grace)]),
  ]
}

function kept(env: Env): Record<string, string> {
  const found = KEPT.flatMap((name) => (env[name] ? [[name, env[name]] as const] : []))
  return Object.fromEntries(found)
}

/** What a service is to run, wherever it is written down. */
export interface Service {
  /** A word that names it, such as `hai-worker-claude-code`. */
  name: string
  /** The program and its words. */
  command: string[]
  environment: Record<string, string>
  /** Seconds between the signal to stop and the end of patience. */
  stopSeconds: number
}

/** A systemd user unit. Secrets stay out of it: `secretsFile` is read when it is there. */
export function systemdUnit(service: Service, secretsFile: string): string {
  const { name, command, environment, stopSeconds } = service
  const variables = Object.entries(environment).map(
    ([key, value]) => `Environment=${unitWord(`${key}=${value}`, false)}`,
  )
  return `[Unit]
Description=${name}: answers tasks of hai's queue

[Service]
ExecStart=${command.map((word) => unitWord(word, true)).join(' ')}
${variables.join('\n')}
EnvironmentFile=-${secretsFile.replaceAll('%', '%%')}
# only the worker hears the signal: calls under way may end, and a local stack that it started stays
KillMode=process
TimeoutStopSec=${stopSeconds}
Restart=always
RestartSec=10
# refused input and refused tokens are the same tomorrow
RestartPreventExitStatus=2 4

[Install]
WantedBy=default.target
`
}

/** A launchd agent. It has no place for secrets. */
export function launchdAgent({ name, command, environment, stopSeconds }: Service, logFile: string): string {
  const words = command.map((word) => `    <string>${xml(word)}</string>`)
  const variables = Object.entries(environment).map(
    ([key, value]) => `    <key>${xml(key)}</key><string>${xml(value)}</string>`,
  )
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>${xml(name)}</string>
  <key>ProgramArguments</key>
  <array>
${words.join('\n')}
  </array>
  <key>EnvironmentVariables</key>
  <dict>
${variables.join('\n')}
  </dict>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><true/>
  <key>ThrottleInterval</key><integer>10</integer>
  <key>ExitTimeOut</key><integer>${stopSeconds}</integer>
  <key>StandardErrorPath</key><string>${xml(logFile)}</string>
</dict>
</plist>
`
}

/** systemd expands % everywhere, $ in commands only, and unquotes what is quoted. */
function unitWord(word: string, inCommand: boolean): string {
  const escaped = word.replace(/["\\]/g, '\\$&').replaceAll('%', '%%')
  return `"${inCommand ? escaped.replaceAll('$', '$$$$') : escaped}"`
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

const xml = (text: string): string => text.replace(/[&<>]/g, (char) => ENTITIES[char] ?? char)
