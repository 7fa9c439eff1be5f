import { transform } from 'esbuild'
import type { Problem } from '../items.ts'
import type { ScriptFiles } from '../scripts.ts'
import { type StagedDoor, UnfitDoor } from '../stage/door.ts'

/** Doors that can't go to a server as one file. */
export function checkDoors(doors: StagedDoor[]): Problem[] {
  return doors.flatMap(({ path, staged }) =>
    staged instanceof UnfitDoor ? [{ file: `${path}.ts`, what: staged.why }] : [],
  )
}

/** Windmill's worker reads TypeScript as tsx, in which `<T>(x: T) => …` and `<T>x` are no longer what they were. */
export async function checkSyntax(scripts: ScriptFiles[]): Promise<Problem[]> {
  const found = await Promise.all(
    scripts.map(async ({ path, code }): Promise<Problem[]> => {
      try {
        await transform(code, { loader: 'tsx', logLevel: 'silent' })
        return []
      } catch (error) {
        const [said] = (error as { errors?: { text: string; location?: { line: number } }[] }).errors ?? []
        if (!said) throw error
        const what = `line ${said.location?.line} can't be read as tsx, which is how Windmill reads it: ${said.text}`
        return [{ file: `${path}.ts`, what }]
      }
    }),
  )
  return found.flat()
}
