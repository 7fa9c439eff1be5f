import { Failure } from '../failure.ts'

/** A server that is not the local stack, as config.yaml names it. */
export interface Remote {
  endpoint: string
  workspace: string
  token_file?: string | undefined
}

export const LOCAL = 'local'
const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/

export const isName = (name: string): boolean => NAME.test(name)

/** A profile's name, or a refusal that says what one may look like. */
export function checkName(name: string): void {
  if (name === LOCAL) throw new Failure('usage', `${LOCAL} is the stack on this machine; choose another name`)
  if (!isName(name)) {
    throw new Failure(
      'usage',
      `${JSON.stringify(name)} is no profile name; use lower case letters, digits, - and _`,
    )
  }
}

/** Why a text cannot be an endpoint; undefined when it can. */
export function endpointProblem(endpoint: string): string | undefined {
  if (!URL.canParse(endpoint)) return 'expected a URL like https://windmill.example.com'
  const url = new URL(endpoint)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return 'expected a URL that begins with http:// or https://'
  if (url.username || url.password) return 'a URL must not carry a password; use hai auth set-token'
  if (url.search || url.hash) return 'expected a URL without ? and #'
  if (/\/api\/*$/.test(url.pathname)) return 'expected it without /api'
  return undefined
}
