import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { z } from 'zod'
import { SETTINGS } from '../../f/hai/core/house.ts'

/** The files that Windmill wants at the root, one for each setting, as they follow from what core accepts. */
export function resourceTypes(): Map<string, string> {
  return new Map(Object.entries(SETTINGS).map(([name, schema]) => [fileOf(name), textOf(name, schema)]))
}

/** Writes those that differ from what is there; gives their names. */
export function writeResourceTypes(root: string): string[] {
  const stale = staleResourceTypes(root)
  for (const file of stale) writeFileSync(join(root, file), resourceTypes().get(file)!)
  return stale
}

/** The files that are missing or no longer say what core accepts. */
export function staleResourceTypes(root: string): string[] {
  return [...resourceTypes()]
    .filter(([file, text]) => textAt(join(root, file)) !== text)
    .map(([file]) => file)
}

const fileOf = (name: string) => `c_hai_${name}.resource-type.yaml`

function textOf(name: string, schema: z.ZodType): string {
  const described = {
    description: `hai's ${name} configuration; see f/hai/${name}.resource.yaml`,
    schema: z.toJSONSchema(schema, { io: 'input' }),
  }
  return stringify(described, { lineWidth: 0 })
}

function textAt(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
