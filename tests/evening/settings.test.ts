import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { readInstance } from '../../runner/instance.ts'
import { hai } from '../support/hai.ts'
import { fakeLlamaCpp } from '../support/models/llama-cpp.ts'
import { fakeOllama } from '../support/models/ollama.ts'
import { type ByteServer, byteServer } from './bytes.ts'
import { end, text } from './openai-bytes.ts'
import { anEvening, type Evening } from './world.ts'

let evening: Evening
let folder: string
const servers: { stop(): Promise<void> }[] = []
beforeAll(async () => {
  const keys = { LLAMA_KEY: 'k-llama', GROQ_API_KEY: 'k-groq', MY_BOX_2_TOKEN: 'k-box', EMPTY_KEY: '' }
  evening = await anEvening(keys, false)
  folder = join(evening.stack.env.XDG_CONFIG_HOME!, 'hai')
})
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop().catch(() => {})
  for (const name of ['models.yaml', 'budget.yaml', 'bugdet.yaml', 'budget.yml', 'Models.yaml', 'model.yaml'])
    rmSync(join(folder, name), { force: true })
})

const whole = (ran: { stdout: string; stderr: string }) => ran.stdout + ran.stderr
/** What the operator is told without asking for his settings: by hai, by doctor and by a question. */
const toldEverywhere = async () => ({
  hai: whole(await evening.run()),
  doctor: whole(await evening.run('doctor')),
  ask: (await evening.run('ask', 'what is open?')).stderr,
})
async function bytes(): Promise<ByteServer> {
  const server = await byteServer()
  servers.push(server)
  server.at('why', { body: text('fine') + end() })
  return server
}
const openAi = (url: string, billing = 'local', more = '') =>
  `{ kind: openai-compatible, url: '${url}/v1', billing: ${billing}, models: { m: { input: 1, output: 1 } }${more} }`

describe('a setting that is wrong', () => {
  it.each([
    ['budget.yaml', 'caps: { day: { usd: lots } }\n', /usd/],
    ['budget.yaml', 'capz: { day: { usd: 1 } }\n', /capz/],
    ['budget.yaml', 'caps: { day: { usd: 1 }\n', /budget\.yaml/],
    ['budget.yaml', '- a list\n', /budget\.yaml/],
    ['budget.yaml', 'caps: { day: { usd: -1 } }\n', /usd/],
    ['models.yaml', 'livenes_seconds: 5\n', /livenes_seconds/],
    [
      'models.yaml',
      'backends: { x: { kind: openai, url: "http://127.0.0.1:9", billing: free } }\n',
      /kind|billing/,
    ],
    ['models.yaml', 'backends: [\n', /models\.yaml/],
  ])('in %s is told by hai, by doctor and with a question: %j', async (name, content, field) => {
    await evening.run('config', 'show')
    evening.settings(name, content)
    const told = await toldEverywhere()
    for (const [who, said] of Object.entries(told)) {
      expect({ who, said }).toEqual({ who, said: expect.stringMatching(field) })
      expect({ who, said }).toEqual({ who, said: expect.stringContaining(name) })
      expect(said).not.toMatch(/Windmill answered|answered 400/)
    }
    // and with it mended nobody speaks of it any more, at once
    rmSync(join(folder, name))
    for (const [who, said] of Object.entries(await toldEverywhere()))
      expect({ who, said }).not.toEqual({ who, said: expect.stringContaining(name) })
  })

  it.each(['bugdet.yaml', 'budget.yml', 'Models.yaml', 'model.yaml'])(
    'in a file of a name that nobody reads is told: %s',
    async (name) => {
      evening.settings(name, 'caps: { day: { usd: 1 } }\n')
      const told = await toldEverywhere()
      expect(told.doctor).toContain(name)
      expect(told.hai + told.ask).toContain(name)
    },
  )

  it('is in force at the next command once it is mended', async () => {
    for (const usd of [7, 8, 9]) {
      evening.settings('budget.yaml', `caps: { day: { usd: ${usd} } }\n`)
      const { stdout } = await evening.run('cost')
      expect(stdout).toMatch(new RegExp(`^day .*\\$${usd}\\.00`, 'm'))
    }
  })

  it('is shown with the file that it is in', async () => {
    evening.settings('models.yaml', 'liveness_seconds: 77\n')
    const { stdout } = await evening.run('config', 'show', 'models', '--origin')
    expect(stdout).toContain('77')
    expect(stdout).not.toMatch(/~\/\.config\/hai/)
    expect(stdout).toMatch(/config\/hai\/models\.yaml/)
  })
})

describe('what the stack was not told of', () => {
  it('is said when an Ollama is named only where hai is called', async () => {
    const ollama = await fakeOllama()
    servers.push(ollama)
    const env = { ...evening.stack.env, OLLAMA_HOST: ollama.url }
    const told = await Promise.all([hai(env, ['model', 'ls']), hai(env, ['doctor'])])
    for (const ran of told) {
      expect(whole(ran)).toContain('OLLAMA_HOST')
      expect(whole(ran)).toMatch(/hai down/)
    }
    const asked = await hai(env, ['ask', 'why is the sky blue'])
    expect(asked.stderr).toContain('OLLAMA_HOST')
    // who has the same environment as the stack is told nothing
    expect(whole(await evening.run('doctor'))).not.toContain('OLLAMA_HOST')
  })

  it.each(['LLAMA_KEY', 'GROQ_API_KEY', 'MY_BOX_2_TOKEN'])(
    'is not the key that the settings name: $env:%s',
    async (name) => {
      const server = await bytes()
      evening.settings(
        'models.yaml',
        `backends:\n  llama: ${openAi(server.url, 'local', `, api_key: '$env:${name}'`)}\n`,
      )
      expect(await evening.run('ask', 'why is it so')).toMatchObject({ code: 0, stdout: 'fine\n' })
      expect(server.asked[0]!.headers.authorization).toBe(`Bearer ${evening.stack.env[name]}`)
    },
  )

  it.each(['EMPTY_KEY', 'NEVER_SET_KEY'])('is told with where it must be set: %s', async (name) => {
    const server = await bytes()
    evening.settings(
      'models.yaml',
      `backends:\n  llama: ${openAi(server.url, 'local', `, api_key: '$env:${name}'`)}\n`,
    )
    const env = { ...evening.stack.env, [name]: 'set too late' }
    const { code, stderr } = await hai(env, ['ask', 'why is it so'])
    expect(code).not.toBe(0)
    expect(stderr).toContain(name)
    expect(stderr).toMatch(/hai down|stack|worker/)
    expect(server.asked).toEqual([])
  })
})

describe('which model answers', () => {
  it('is the free one that can be reached, whatever the file’s order', async () => {
    const [free, dear] = [await bytes(), await bytes()]
    const lines = [`  dear: ${openAi(dear.url, 'metered')}\n`, `  free: ${openAi(free.url)}\n`]
    for (const order of [lines, [...lines].reverse()]) {
      evening.settings('models.yaml', `backends:\n${order.join('')}`)
      expect(await evening.run('ask', 'why is it so')).toMatchObject({ code: 0 })
    }
    expect([free.asked.length, dear.asked.length]).toEqual([2, 0])
  })

  it('is a metered one when no free one is there', async () => {
    const dear = await bytes()
    const gone = await byteServer()
    await gone.stop()
    evening.settings(
      'models.yaml',
      `backends:\n  free: ${openAi(gone.url)}\n  dear: ${openAi(dear.url, 'metered')}\n`,
    )
    const ran = await evening.run('ask', '--timeout', '60', 'why is it so')
    expect(ran.code).toBe(0)
    expect(dear.asked).toHaveLength(1)
  })
})

describe('hai model add', () => {
  it.each(['', '/', '/v1', '/v1/'])(
    'asks the server at its address with %j at the end, and writes what it needs',
    async (path) => {
      const server = await fakeLlamaCpp({ n_ctx: 2048 })
      servers.push(server)
      const ran = await evening.run('model', 'add', `${server.url}${path}`, 'llama')
      expect(ran.code).toBe(0)
      const file = readFileSync(join(folder, 'models.yaml'), 'utf8')
      expect(file).toContain('model.gguf')
      expect(file).toContain(server.url)
      expect(file).toMatch(/openai-compatible/)
      expect(await evening.run('ask', 'why is it so')).toMatchObject({ code: 0, stdout: 'It is well.\n' })
      expect(whole(await evening.run('model', 'ls'))).toMatch(/llama\/model\.gguf.*2(k|048|,048)/)
      expect(whole(await evening.run('doctor'))).not.toMatch(/models.*(wrong|unknown field|expected)/)
    },
  )

  it('keeps what is in the file, and its comments', async () => {
    const server = await fakeLlamaCpp()
    servers.push(server)
    writeFileSync(join(folder, 'models.yaml'), '# mine\nliveness_seconds: 60 # slow box\n')
    expect((await evening.run('model', 'add', server.url, 'llama')).code).toBe(0)
    expect(readFileSync(join(folder, 'models.yaml'), 'utf8')).toContain(
      '# mine\nliveness_seconds: 60 # slow box\n',
    )
  })

  it.each([
    [
      'vLLM',
      {
        object: 'list',
        data: [{ id: 'org/big-model', object: 'model', owned_by: 'vllm', max_model_len: 16384 }],
      },
      /org\/big-model/,
    ],
    [
      'LM Studio',
      {
        object: 'list',
        data: [
          { id: 'small-4b', object: 'model' },
          { id: 'text-embed', object: 'model' },
        ],
      },
      /small-4b/,
    ],
    ['a bare list', { data: [{ id: 'm' }] }, /\bm\b/],
    ['an odd one', { object: 'list', data: [{ id: 'm', created: null, meta: null }] }, /\bm\b/],
  ])('understands the list of %s', async (_, body, model) => {
    const server = await bytes()
    server.looked('/v1/models', {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
    const ran = await evening.run('model', 'add', server.url, 'box')
    expect(ran.code).toBe(0)
    expect(readFileSync(join(folder, 'models.yaml'), 'utf8')).toMatch(model)
  })

  it.each([
    ['that nobody answers at', 'http://127.0.0.1:9'],
    ['that is none', 'not a url'],
    ['of another kind', 'ftp://127.0.0.1/v1'],
  ])('changes nothing with an address %s, and says why', async (_, url) => {
    const { code, stdout, stderr } = await evening.run('model', 'add', url, 'box')
    expect([2, 3, 5]).toContain(code)
    expect(stdout).toBe('')
    expect(stderr).toContain(url.startsWith('ftp') ? 'ftp://' : url)
    expect(existsSync(join(folder, 'models.yaml'))).toBe(false)
  })

  it('is named where somebody tries to enable a backend that nobody knows', async () => {
    const { code, stderr } = await evening.run('model', 'enable', 'llama')
    expect(code).toBe(2)
    expect(stderr).toMatch(/hai model add/)
    expect((await evening.run('model', 'default', 'llama/x')).stderr).not.toMatch(/hai model enable llama/)
  })

  it('takes a list of models, and a model with nothing said of it', async () => {
    const server = await bytes()
    for (const models of ['[m]', '{ m: }', '\n      m:']) {
      evening.settings(
        'models.yaml',
        `backends:\n  box:\n    kind: openai-compatible\n    url: '${server.url}/v1'\n    billing: local\n    models: ${models}\n`,
      )
      expect({ models, ...(await evening.run('ask', 'why is it so')) }).toMatchObject({
        models,
        code: 0,
        stdout: 'fine\n',
      })
    }
  })

  it('prints the lines for what a server has, as hai cannot write there', async () => {
    const server = await fakeLlamaCpp()
    servers.push(server)
    const { endpoint, workspace, token } = evening.stack
    const env = {
      ...evening.stack.env,
      HAI_DATA_DIR: join(evening.stack.env.HOME!, 'nowhere'),
      HAI_ENDPOINT: endpoint,
      HAI_WORKSPACE: workspace,
      HAI_TOKEN: token,
    }
    const { code, stdout, stderr } = await hai(env, ['model', 'add', server.url, 'llama'])
    expect(code).toBe(0)
    expect(stdout).toContain('model.gguf')
    expect(stdout).toContain(server.url)
    expect(stderr).toMatch(/nothing was changed/)
    expect(existsSync(join(folder, 'models.yaml'))).toBe(false)
  })
})

describe('the stack', () => {
  it('names every folder that holds its data', async () => {
    const { cluster_dir, data_dir } = readInstance(evening.stack.env.HAI_DATA_DIR!)!
    const { stdout } = await evening.run('status')
    const home = evening.stack.env.HOME!
    for (const path of [cluster_dir, data_dir]) {
      const said = path.startsWith(home) ? path.replace(home, '~') : path
      // a folder within one that is named is named
      expect(stdout.includes(said) || stdout.includes(path) || said.startsWith('~/data')).toBe(true)
    }
    if (!cluster_dir.startsWith(home)) expect(stdout).toContain(cluster_dir)
  })

  it('leaves a line in its log for a worker that was killed', async () => {
    const { pids } = readInstance(evening.stack.env.HAI_DATA_DIR!)!
    const [pid] = pids.workers
    process.kill(pid!, 'SIGKILL')
    await expect
      .poll(async () => (await evening.run('logs', '-n', '30')).stdout)
      .toMatch(new RegExp(`${pid}.*(SIGKILL|kill|ended|died)|(SIGKILL|killed).*${pid}`, 'i'))
  })
})
