import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/** What a caller's arguments are matched with. */
export interface Signature {
  parameters: { name: string; date: boolean }[]
  hasPreprocessor: boolean
}

interface Parsed {
  type?: 'Invalid'
  args: { name: string; typ: unknown }[]
  has_preprocessor: boolean | null
}

type Parser = typeof import('windmill-parser-wasm-ts')

let parser: Promise<Parser> | undefined

/** Loads Windmill's own parser; it takes some 50 ms once, so it may be called ahead of the first use. */
export function loadParser(): Promise<Parser> {
  parser ??= import('windmill-parser-wasm-ts').then((module) => {
    const wasm = createRequire(import.meta.url).resolve(
      'windmill-parser-wasm-ts/windmill_parser_wasm_bg.wasm',
    )
    module.initSync({ module: readFileSync(wasm) })
    return module
  })
  return parser
}

/** The parameters of `main`; undefined when Windmill can't read its signature, as with `...rest` or a syntax error. */
export async function signatureOf(source: string): Promise<Signature | undefined> {
  const { parse_deno } = await loadParser()
  const parsed = JSON.parse(parse_deno(source)) as Parsed
  if (parsed.type === 'Invalid') return undefined
  return {
    parameters: parsed.args.map(({ name, typ }) => ({ name, date: typ === 'datetime' })),
    hasPreprocessor: parsed.has_preprocessor === true,
  }
}
