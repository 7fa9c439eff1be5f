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
