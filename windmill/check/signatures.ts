import { loadParser } from '../../runner/items/signature.ts'
import type { Problem } from '../items.ts'
import type { ScriptFiles } from '../scripts.ts'

interface Parsed {
  type?: 'Invalid'
  args: { name: string; typ: unknown }[]
  auto_kind: string | null
}

/** What Windmill's parser makes of main: nothing unreadable, no nameless parameter, no resource picker by accident. */
export async function checkSignatures(scripts: ScriptFiles[]): Promise<Problem[]> {
  const { parse_deno } = await loadParser()
  return scripts.flatMap(({ path, code }) => {
    const parsed = JSON.parse(parse_deno(code)) as Parsed
    return signatureProblems(parsed, code).map((what) => ({ file: `${path}.ts`, what }))
  })
}

function signatureProblems({ type, args, auto_kind: kind }: Parsed, code: string): string[] {
  if (type === 'Invalid')
    return ["main's signature cannot be read: write plain, named parameters, no ...rest"]
  if (kind === 'lib' && /^export (default|(const|let) main\b)/m.test(code)) {
    return ['Windmill does not see its main: write export async function main(']
  }
  // RT.Postgresql says that a resource is wanted; any other imported type only looks like one.
  const meant = [...code.matchAll(/\bRT\.(\w+)/g)].map(([, name]) => name!.toLowerCase())
  return args.flatMap(({ name, typ }) => {
    if (/^anon\d+$/.test(name)) return [`a parameter of main is destructured: Windmill calls it ${name}`]
    return pickers(typ)
      .filter((picker) => !meant.includes(picker))
      .map((picker) => `the type of ${name} turns into a picker of "${picker}" resources: write it out here`)
  })
}

function pickers(typ: unknown): string[] {
  if (typeof typ !== 'object' || typ === null) return []
  const { resource } = typ as { resource?: unknown }
  return typeof resource === 'string' ? [resource] : Object.values(typ).flatMap(pickers)
}
