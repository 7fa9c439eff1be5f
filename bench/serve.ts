import { request } from 'node:http'
import { readInstance } from '../runner/instance.ts'
import type { FakeServer } from '../tests/support/models/fake-server.ts'
import { fakeOllama } from '../tests/support/models/ollama.ts'
import { median, report } from './measure.ts'
import { BenchStack } from './stack.ts'

const TURNS = 60

/** What the door for chat clients adds to a model's own time, beside a server that answers as Ollama does. */
export async function serve(): Promise<void> {
  const model = await fakeOllama()
  const stack = new BenchStack()
  stack.env.OLLAMA_HOST = model.url
  try {
    await stack.up()
    const door = readInstance(stack.instance.data_dir)!.chat_endpoint!
    const ask = (more: object, content = question()) =>
      asked(`${door}/v1`, { ...chat(content), ...more }, stack.token)
    await ask({ stream: true })
    await ask({}, 'what is open?')
    await oneWord(model, ask)
    await builtIn(ask)
    await firstPiece(model, ask)
    await growth(ask)
    await eightAtOnce(model, ask)
  } finally {
    await stack.remove()
    await model.stop()
  }
}

type Ask = (more: object, content?: string) => Promise<Answered>

interface Answered {
  status: number
  text: string
  /** On the process's clock, in milliseconds. */
  begin: number
  first: number
  end: number
}

let questions = 0
/** A question of its own each time: the same one would join its task. */
const question = () => `why would a scrub slow down at night, number ${++questions}?`
const chat = (content: string) => ({ model: 'hai', messages: [{ role: 'user', content }] })

function asked(base: string, body: object, token: string): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const begin = performance.now()
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    const sent = request(`${base}/chat/completions`, { method: 'POST', headers }, (answer) => {
      let text = ''
      let first = 0
      answer.setEncoding('utf8').on('data', (piece: string) => {
        first ||= performance.now()
        text += piece
      })
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, text, begin, first, end: performance.now() }),
      )
    })
    sent.on('error', reject)
    sent.end(JSON.stringify(body))
  })
}

const whole = ({ begin, end }: Answered) => end - begin

async function oneWord(model: FakeServer, ask: Ask): Promise<void> {
  const direct: number[] = []
  const through: number[] = []
  for (let n = 0; n < 25; n += 1) {
    model.next({ text: 'Because.' }, { text: 'Because.' })
    direct.push(
      whole(await asked(`${model.url}/v1`, { ...chat('why?'), model: 'llama3.2:3b', stream: true }, '')),
    )
    through.push(whole(await ask({ stream: true })))
  }
  report('one word through the door, more than direct, p50', median(through) - median(direct), ' ms', 40)
}

async function builtIn(ask: Ask): Promise<void> {
  const times: number[] = []
  for (let n = 0; n < 25; n += 1) times.push(whole(await ask({}, 'what is open?')))
  report('what hai answers itself, p50', median(times), ' ms', 30)
}

async function firstPiece(model: FakeServer, ask: Ask): Promise<void> {
  const times: number[] = []
  for (let n = 0; n < 15; n += 1) {
    model.next({ text: ['Because ', 'it reads.'], pause: { first: 200, between: 200 } })
    const { first } = await ask({ stream: true })
    const sent = model.callsOf('/v1/chat/completions').at(-1)!.firstPieceAt!
    times.push(performance.timeOrigin + first - sent)
  }
  report("first byte after the model's, p50", median(times), ' ms', 60)
}

async function growth(ask: Ask): Promise<void> {
  const times: number[] = []
  for (let n = 0; n < TURNS; n += 1) times.push(whole(await ask({ stream: true })))
  const tenth = TURNS / 6
  const ratio = median(times.slice(-tenth)) / median(times.slice(0, tenth))
  report(`${TURNS} turns: the last beside the first`, ratio, ' ×', 1.3)
}

async function eightAtOnce(model: FakeServer, ask: Ask): Promise<void> {
  model.byDefault({ text: 'Because.', pause: { first: 1_000 } })
  const all = await Promise.all(Array.from({ length: 8 }, () => ask({ stream: true })))
  const lost = all.filter(({ status, text }) => status !== 200 || !text.includes('[DONE]')).length
  report('eight at once on one slot: lost', lost, '', 0)
  const told = all.filter(({ text }) => /^: .*position \d/m.test(text)).length
  report('of these were told their place', told, '', 1, 'more')
}
