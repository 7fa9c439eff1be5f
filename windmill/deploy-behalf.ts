import type { WindmillServer } from './server.ts'

interface Live {
  hash: string
  lock?: string | string[] | null
  on_behalf_of_email?: string | null
  [field: string]: unknown
}

/**
 * Sees to it that these scripts run with the rights of that account, whoever calls them: a push leaves them with those
 * of whoever pushed. Returns the paths that the server would not change.
 */
export async function runOnBehalf(
  windmill: WindmillServer,
  paths: string[],
  email: string,
): Promise<string[]> {
  const refused: string[] = []
  for (const path of paths) {
    const read = () => windmill.json<Live>(`scripts/get/p/${path}`)
    const live = await read()
    if (live.on_behalf_of_email === email) continue
    await windmill.text('scripts/create', {
      ...live,
      lock: Array.isArray(live.lock) ? live.lock.join('\n') : live.lock,
      parent_hash: live.hash,
      on_behalf_of: undefined,
      on_behalf_of_email: email,
      preserve_on_behalf_of: true,
      skip_draft_deletion: true,
    })
    if ((await read()).on_behalf_of_email !== email) refused.push(path)
  }
  return refused
}
