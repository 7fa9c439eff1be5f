import { type RequestOptions, request } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { Finding } from '../show/finding.ts'

const TIMEOUT_MS = 10_000
const DAY_MS = 86_400_000
const SOON_DAYS = 14
/** A page of Windmill's; `/` may lead elsewhere before anybody is asked for a login. */
const PAGE = '/runs'

/**
 * Whether a host answers with a certificate that holds, and whether its edge does: without a token or a session nobody
 * gets further than a login. `options` are those of node:https, such as another port or authority.
 */
export async function hostFindings(host: string, options: RequestOptions = {}): Promise<Finding[]> {
  const what = `https://${host}`
  try {
    const page = await ask(host, PAGE, options)
    const shut = [302, 303, 307, 401, 403].includes(page.status)
    const edge: Finding = shut
      ? { what, verdict: 'good', text: `sends a stranger to the login (${page.status})` }
      : page.status >= 500
        ? {
            what,
            verdict: 'bad',
            text: `answers ${page.status}`,
            fix: 'kubectl -n <namespace> get httproute,pods',
          }
        : {
            what,
            verdict: 'bad',
            text: `lets a stranger in (${page.status})`,
            fix: 'look for another route or policy of this host',
          }
    return [certificate(what, page.validTo), edge]
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return [{ what, verdict: 'bad', text: message || (code ?? 'does not answer'), fix: cure(code) }]
  }
}

function certificate(what: string, validTo: string): Finding {
  const days = Math.floor((Date.parse(validTo) - Date.now()) / DAY_MS)
  const text = `certificate holds for ${days} days`
  if (days >= SOON_DAYS) return { what, verdict: 'good', text }
  return { what, verdict: 'unsure', text, fix: "is cert-manager renewing the gateway's certificate?" }
}

function cure(code: string | undefined): string {
  if (code === 'ENOTFOUND') return 'is external-dns running, and does it watch HTTPRoutes?'
  if (code?.startsWith('CERT') || code?.includes('SELF_SIGNED') || code?.includes('VERIFY'))
    return "does the gateway's certificate cover this host?"
  return 'is the gateway reachable from here?'
}

function ask(
  host: string,
  path: string,
  options: RequestOptions,
): Promise<{ status: number; validTo: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host, path, timeout: TIMEOUT_MS, agent: false, ...options }, (response) => {
      const validTo = (response.socket as TLSSocket).getPeerCertificate().valid_to
      response.resume()
      resolve({ status: response.statusCode ?? 0, validTo })
    })
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)))
    asked.on('error', reject)
    asked.end()
  })
}
