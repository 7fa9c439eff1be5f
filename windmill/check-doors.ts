import { transform } from 'esbuild'
import type { Problem } from './items.ts'
import { readDoors, type ScriptFiles } from './scripts.ts'
import { stageDoor, UnfitDoor } from './stage-door.ts'

/** Doors that can't go to a server as one file. */
export async function checkDoors(root: string): Promise<Problem[]> {
  const found = await Promise.all(
    readDoors(root).map(async ({ path, code }): Promise<Problem[]> => {
      try {
        await stageDoor(root, path, code)
        return []
      } catch (error) {
        if (!(error instanceof UnfitDoor)) throw error
        return [{ file: `${path}.ts`, what: error.why }]
      }
    }),
  )
  return found.flat()
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
