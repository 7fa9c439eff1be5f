import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { launchdAgent, systemdUnit } from '../../worker/service.ts'
import { cannedServer, refusal } from '../cli/canned-server.ts'
import { aHomeFolder } from '../cli/run-hai.ts'
import { hai } from '../support/hai.ts'
import { fakeClaude } from '../support/models/claude.ts'
import { buildProject } from '../support/stack.ts'

let home: ReturnType<typeof aHomeFolder>
let env: Record<string, string>
beforeAll(buildProject)
beforeEach(() => {
  home = aHomeFolder()
  env = { ...home.env, PATH: '/usr/bin:/bin', OLLAMA_HOST: '127.0.0.1:9' }
})
afterEach(() => home.remove())

const run = (...words: string[]) => hai(env, ['worker', 'run', ...words])

function configure(models: object): void {
  mkdirSync(join(home.path, '.config', 'hai'), { recursive: true })
  writeFileSync(join(home.path, '.config', 'hai', 'models.yaml'), JSON.stringify(models))
}

describe('hai worker run', () => {
  it('does not begin without a model to ask, and says what would be one', async () => {
    const ran = await run()
    expect(ran).toMatchObject({ code: 5, stdout: '' })
    expect(ran.stderr).toMatch(/no model to ask here: no Ollama answers at http:\/\/127\.0\.0\.1:9/)
    const { bin } = await fakeClaude(home.path)
    env.PATH = `${bin}:${env.PATH}`
    expect((await run()).stderr).toContain('→ hai worker run --backend claude-code lets claude-code answer')
  })

  it.each([
    [
      ['--backend', 'nix'],
      /there is no backend nix in .*models\.yaml; known are ollama, anthropic, claude-code/,
    ],
    [['--backend', 'a b'], /"a b" is no backend; expected NAME or NAME\/MODEL/],
    [['--backend', 'claude-code'], /there is no claude on this machine's PATH/],
    [['--backend', 'anthropic'], /api_key of anthropic is \$env:ANTHROPIC_API_KEY, which is empty; set it/],
  ])('refuses %s and says why', async (words, reason) => {
    const ran = await run(...words)
    expect(ran.code).toBe(2)
    expect(ran.stderr).toMatch(reason)
  })

  it.each([
    [
      'sk-ant-secret',
      /backends\.claude\.api_key holds a value of its own, not shown here; expected \$env:NAME/,
    ],
    ['$var:u/operator/key', /api_key begins with \$var:, which hai does not look up; name it by \$env:NAME/],
  ])('refuses an api_key of %s, which is not for it to read', async (api_key, reason) => {
    configure({ backends: { claude: { kind: 'anthropic', billing: 'metered', api_key, models: { x: {} } } } })
    const ran = await run('--backend', 'claude')
    expect(ran.code).toBe(2)
    expect(ran.stderr).toMatch(reason)
    expect(ran.stderr).not.toContain('sk-ant-secret')
  })
})

it.each([
  [
    'a member of the household',
    refusal(403, 'forbidden', 'guest is a member and not a worker'),
    /guest is a member/,
  ],
  ['a token that is none', { status: 401, body: 'Unauthorized' }, /does not accept the token from HAI_TOKEN/],
])('ends with exit 4 when the server refuses %s', async (_, reply, reason) => {
  const server = await cannedServer({ 'worker/claim': () => reply })
  const { bin } = await fakeClaude(home.path)
  env = { ...env, ...server.env, PATH: `${bin}:${env.PATH}` }
  const ran = await run('--backend', 'claude-code')
  await server.close()
  expect(ran.code).toBe(4)
  expect(ran.stderr).toMatch(reason)
  expect(ran.stderr).not.toContain(server.token)
})

describe('hai worker run --service', () => {
  it('writes a systemd user unit without secrets and says how to start it', async () => {
    const { bin } = await fakeClaude(home.path)
    env = { ...env, PATH: `${bin}:${env.PATH}`, HAI_DATABASE_URL: 'postgresql://hai:pass-word@db/hai' }
    const ran = await run('--backend', 'claude-code', '--lane', 'batch', '--service', '--grace', '60')
    expect(ran).toMatchObject({
      code: 0,
      stdout: 'wrote ~/.config/systemd/user/hai-worker-claude-code.service\n',
    })
    expect(ran.stderr).toContain('systemctl --user enable --now hai-worker-claude-code')
    const file = join(home.path, '.config/systemd/user/hai-worker-claude-code.service')
    const unit = readFileSync(file, 'utf8')
    expect(unit).toContain(
      '"--profile" "local" "worker" "run" "--backend" "claude-code" "--lane" "batch" "--grace" "60"\n',
    )
    expect(unit).toContain(`Environment="PATH=${env.PATH}"`)
    expect(unit).toContain('TimeoutStopSec=75')
    expect(unit).not.toContain('pass-word')
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('refuses a token of the environment, which has no place in a unit', async () => {
    const { bin } = await fakeClaude(home.path)
    env = { ...env, PATH: `${bin}:${env.PATH}`, HAI_TOKEN: 'token-of-the-environment' }
    const ran = await run('--backend', 'claude-code', '--service')
    expect(ran.code).toBe(2)
    expect(ran.stderr).toMatch(/takes endpoint and token from a profile/)
  })
})

const SERVICE = {
  name: 'hai-worker',
  command: ['/opt/my node/node', 'run', '$HOME', '100%', 'say "a & b"'],
  environment: { PATH: '/usr/bin:$x' },
  stopSeconds: 45,
}

it('quotes for systemd what it would expand', () => {
  const unit = systemdUnit(SERVICE, '/home/o/.config/hai/worker.env')
  expect(unit).toContain('ExecStart="/opt/my node/node" "run" "$$HOME" "100%%" "say \\"a & b\\""\n')
  expect(unit).toContain('Environment="PATH=/usr/bin:$x"\nEnvironmentFile=-/home/o/.config/hai/worker.env\n')
})

it('writes a property list for launchd', () => {
  const agent = launchdAgent(SERVICE, '/tmp/hai-worker.log')
  expect(agent).toContain('<key>Label</key><string>hai-worker</string>')
  expect(agent).toContain('    <string>say "a &amp; b"</string>\n  </array>')
  expect(agent).toContain('<key>PATH</key><string>/usr/bin:$x</string>')
  expect(agent).toContain('<key>ExitTimeOut</key><integer>45</integer>')
})
