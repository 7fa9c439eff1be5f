/** The route of Windmill's that answers chat clients too: a client may have its address. */
const ROUTE = /^\/api\/r\/hai(?=\/|$)/
const TWICE = /^\/v1(?=\/v1(\/|$))/
const BARE = /^\/(chat\/completions|models(\/[^/]+)?)$/

/**
 * The path that a client means: chat clients put theirs behind a base address that a person typed, with a slash too
 * many, with `/v1` twice or not at all, or that of the Windmill route.
 */
export function meantPath(path: string): string {
  let meant = path
    .replace(/\/{2,}/g, '/')
    .replace(/\/$/, '')
    .replace(ROUTE, '')
  while (TWICE.test(meant)) meant = meant.replace(TWICE, '')
  if (BARE.test(meant)) return `/v1${meant}`
  return meant || '/'
}
