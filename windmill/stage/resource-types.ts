import { stringify } from 'yaml'
import { z } from 'zod'
import { SETTINGS } from '../../f/hai/core/house.ts'

/** The types of hai's settings, by name, as the text of the file that a push makes each of: it says what core accepts. */
export function resourceTypes(): Map<string, string> {
  return new Map(Object.entries(SETTINGS).map(([name, schema]) => [`c_hai_${name}`, textOf(name, schema)]))
}

function textOf(name: string, schema: z.ZodType): string {
  const type = {
    description: `hai's ${name} configuration; see f/hai/${name}.resource.yaml`,
    schema: z.toJSONSchema(schema, { io: 'input' }),
    // what a server adds to what it is given
    format_extension: null,
    is_fileset: false,
  }
  return stringify(type, { sortMapEntries: true, lineWidth: 0 })
}
