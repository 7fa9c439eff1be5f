import { type BundleFiles, hasRunnable, type Problem } from '../items.ts'

const ROUTE = /^(?::?[-\w]+)(?:\/:?[-\w]+)*(?:\/\*[-\w]+)?$/
const CHOICES: Record<string, string[]> = {
  http_method: ['get', 'post', 'put', 'patch', 'delete'],
  request_type: ['sync', 'async', 'sync_sse'],
  authentication_method: ['none', 'windmill', 'api_key', 'basic_http', 'custom_script', 'signature'],
}

/** What came as it came: all else of a request Windmill may have put a secret into. */
const AS_IT_CAME = ['raw_string', 'wrap_body']

/** HTTP triggers: they lead to a script and bring it the body's text, their routes parse, and no two share one. */
export function checkTriggers(bundle: BundleFiles): Problem[] {
  const seen = new Map<string, string>()
  return bundle.items('.http_trigger.yaml').flatMap(({ file, content }) => {
    const { script_path: path, is_flow: isFlow, route_path: route, http_method: method } = content
    const problems: string[] = []
    if (!hasRunnable(bundle, path, isFlow)) problems.push(`script_path ${path} is nothing of the bundle`)
    if (typeof route !== 'string' || !ROUTE.test(route)) {
      problems.push(
        `route_path "${route}" is not accepted; expected words, :parameters and a last *rest, no leading /`,
      )
    }
    for (const [field, accepted] of Object.entries(CHOICES)) {
      if (!accepted.includes(String(content[field]))) {
        problems.push(`${field} is ${JSON.stringify(content[field])}; expected one of ${accepted.join(', ')}`)
      }
    }
    for (const field of AS_IT_CAME) {
      if (content[field] !== true)
        problems.push(
          `${field} is ${JSON.stringify(content[field])}; expected true, and main to read raw_string`,
        )
    }
    const key = `${method} ${String(route).replaceAll(/:[-\w]+/g, ':')}`
    if (seen.has(key)) problems.push(`${method} ${route} is served by ${seen.get(key)} already`)
    seen.set(key, file)
    return problems.map((what) => ({ file, what }))
  })
}
