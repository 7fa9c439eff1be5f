import type { Answer, Method } from '../call/http.ts'
import type { Webhook } from '../call/webhook.ts'
import { Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { oneLine } from '../show/width.ts'

/** A user of the Windmill workspace. */
export interface User {
  username: string
  email: string
  is_admin?: boolean
  /** Runs what is there and writes nothing: Windmill's role of that name, not hai's. */
  operator?: boolean
  disabled?: boolean
}

/** What Windmill says of a token; nobody is shown the token itself again. */
export interface KeptToken {
  token_prefix: string
  label?: string | null
  scopes?: string[] | null
  /** RFC 3339; missing when it never ends. */
  expiration?: string | null
  created_at: string
  /** Its making, while it has not been used. */
  last_used_at: string
}

/** The code of a refusal that means: not with this token, on this server. */
const NOT_WITH_THIS = 'not_with_this_token'
/** Minutes for which one acts as another, at most. */
const ACTING_MINUTES = 5
const PREFIX_LENGTH = 10
/** As many as Windmill lists at once. */
const PAGE = 100

/** Whether Windmill has told that this needs a token with more rights; nothing was done then. */
export const isBeyond = (error: unknown): boolean => error instanceof Failure && error.code === NOT_WITH_THIS

/**
 * Windmill's users and their tokens, with the rights of who calls. Windmill lets one make, list and delete one's own
 * tokens only; a superadmin (on the local stack the operator) may take the part of another for that.
 */
export class Accounts {
  #webhook: Webhook
  #warn: (line: string) => void
  #me: Promise<User> | undefined

  private constructor(webhook: Webhook, warn: (line: string) => void) {
    this.#webhook = webhook
    this.#warn = warn
  }

  static async of(session: Session): Promise<Accounts> {
    return new Accounts(await session.webhook(), (line) => session.warn(line))
  }

  me(): Promise<User> {
    this.#me ??= this.#json<User>('GET', this.#inWorkspace('users/whoami'))
    return this.#me
  }

  users(): Promise<User[]> {
    return this.#json('GET', this.#inWorkspace('users/list'))
  }

  /** A user who may run what is there and write nothing: Windmill's role `operator`. */
  async addUser({ username, email }: User): Promise<void> {
    const body = { email, username, is_admin: false, operator: true }
    await this.#send('POST', this.#inWorkspace('workspaces/add_user'), { body })
  }

  /** On the local stack a user's tokens go too. */
  async removeUser(username: string): Promise<void> {
    await this.#send('DELETE', this.#inWorkspace(`users/delete/${encodeURIComponent(username)}`))
  }

  tokensOf(user: User): Promise<KeptToken[]> {
    return this.#as(user, async (token, acting) => {
      const all: KeptToken[] = []
      for (let page = 1; ; page++) {
        const path = `users/tokens/list?exclude_ephemeral=true&page=${page}&per_page=${PAGE}`
        const some = await this.#json<KeptToken[]>('GET', path, { token })
        const fresh = some.filter(({ token_prefix }) => !all.some((one) => one.token_prefix === token_prefix))
        all.push(...fresh)
        if (some.length < PAGE || fresh.length === 0)
          return all.filter(({ token_prefix }) => token_prefix !== acting)
      }
    })
  }

  /** A new token without a label, for this workspace and no other. It is shown this once. */
  makeToken(user: User, grant: { scopes: string[]; expiration?: string }): Promise<string> {
    const body = { ...grant, workspace_id: this.#webhook.target.workspace }
    return this.#as(user, async (token) => {
      return (await this.#send('POST', 'users/tokens/create', { body, token })).body.trim()
    })
  }

  revoke(user: User, prefixes: string[]): Promise<void> {
    return this.#as(user, async (token) => {
      for (const prefix of prefixes) {
        await this.#send('DELETE', `users/tokens/delete/${encodeURIComponent(prefix)}`, { token })
      }
    })
  }

  /**
   * Does something as that user. Windmill gives no scopes to the token by which one acts as another, so that it is never
   * handed out: it is deleted at once, and would end by itself soon.
   */
  async #as<T>(user: User, work: (token?: string, acting?: string) => Promise<T>): Promise<T> {
    if ((await this.me()).email === user.email) return work()
    const expiration = new Date(Date.now() + ACTING_MINUTES * 60_000).toISOString()
    const body = { impersonate_email: user.email, expiration }
    const token = (await this.#send('POST', 'users/tokens/impersonate', { body })).body.trim()
    const acting = token.slice(0, PREFIX_LENGTH)
    try {
      return await work(token, acting)
    } finally {
      await this.#send('DELETE', `users/tokens/delete/${encodeURIComponent(acting)}`, { token }).catch(
        // what was made by it counts all the same
        ({ message }: Error) =>
          this.#warn(
            `the token ${acting}… by which this was done for ${user.username} is there for ${ACTING_MINUTES} minutes more: ${message}`,
          ),
      )
    }
  }

  #inWorkspace(path: string): string {
    return `w/${encodeURIComponent(this.#webhook.target.workspace)}/${path}`
  }

  async #json<T>(method: Method, path: string, options?: { token?: string | undefined }): Promise<T> {
    const { body } = await this.#send(method, path, options)
    try {
      return JSON.parse(body) as T
    } catch (cause) {
      const { endpoint } = this.#webhook.target
      throw new Failure(
        'unreachable',
        `${endpoint} answered ${nameOf(path)} with something that is not JSON`,
        {
          cause,
          next: 'is that the address of a hai? hai profile ls',
        },
      )
    }
  }

  async #send(
    method: Method,
    path: string,
    options: { body?: object; token?: string | undefined } = {},
  ): Promise<Answer> {
    const { body, token } = options
    const answer = await this.#webhook.api(method, path, {
      ...(body ? { body } : {}),
      ...(token ? { token } : {}),
    })
    if (answer.status < 300) return answer
    const { name } = this.#webhook.target
    const said = oneLine(answer.body).slice(0, 200)
    if ([401, 403, 501].includes(answer.status)) {
      throw new Failure('denied', `${name} does not let this token do it: ${said}`, { code: NOT_WITH_THIS })
    }
    const why = `${name} answered ${answer.status} to ${nameOf(path)}${said ? `: ${said}` : ''}`
    throw new Failure(answer.status === 400 ? 'usage' : 'unreachable', why)
  }
}

/** A call's path without what it carries. */
const nameOf = (path: string): string => path.split('?')[0]!
