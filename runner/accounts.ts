import { createHash, randomInt, randomUUID } from 'node:crypto'
import { ApiError } from './api-error.ts'
import { readText, writeAtomically } from './files.ts'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Letters and digits alone, as Windmill's: its beginning is typed at a terminal, where a - would begin an option. */
const newToken = () => Array.from({ length: 32 }, () => LETTERS[randomInt(LETTERS.length)]).join('')

/** Somebody other than the operator; without `admin` such a user may run scripts and see jobs of the same user, and nothing else. */
export interface User {
  username: string
  email: string
  admin: boolean
  created_at: string
}

/** A token as it is kept: its SHA-256 alone. */
export interface KeptToken {
  id: string
  digest: string
  /** The first characters, by which its owner knows it. */
  prefix: string
  username: string
  label: string | undefined
  scopes: string[] | undefined
  /** The one in which it is a token; anywhere when not given. */
  workspace?: string | undefined
  read_only: boolean
  /** RFC 3339. */
  expiration: string | undefined
  created_at: string
  /** To the minute; missing until it is used. */
  last_used_at?: string
}

/** What a new token may and for how long. */
export type TokenGrant = Pick<
  KeptToken,
  'username' | 'label' | 'scopes' | 'workspace' | 'read_only' | 'expiration'
>

const PREFIX_LENGTH = 10
/** A token's last use is written down no oftener. */
const USE_MS = 60_000
/** How long a token whose time is over is still listed, so that one can see why it is refused. */
const LISTED_MS = 30 * 86_400_000

/** Users and tokens that the operator made, kept in one file of the operator's. */
export class Accounts {
  #file: string
  #users: User[]
  #tokens: KeptToken[]

  constructor(file: string) {
    this.#file = file
    const { users = [], tokens = [] } = readAccounts(file)
    this.#users = users
    this.#tokens = tokens
  }

  get users(): readonly User[] {
    return this.#users
  }

  user(username: string): User | undefined {
    return this.#users.find((user) => user.username === username)
  }

  addUser(user: Omit<User, 'created_at'>): void {
    if (this.user(user.username)) throw new ApiError(400, `the user ${user.username} exists already`)
    const owner = this.#users.find(({ email }) => email === user.email)
    if (owner) throw new ApiError(400, `email "${user.email}" is that of the user ${owner.username}`)
    this.#save([...this.#users, { ...user, created_at: new Date().toISOString() }], this.#tokens)
  }

  /** With the user go the user's tokens. */
  removeUser(username: string): void {
    if (!this.user(username)) throw new ApiError(404, `user ${username} not found`)
    const others = this.#users.filter((user) => user.username !== username)
    this.#save(
      others,
      this.#tokens.filter((token) => token.username !== username),
    )
  }

  /** The new token; it is shown this once. */
  addToken(grant: TokenGrant): string {
    const token = newToken()
    const kept: KeptToken = {
      ...grant,
      id: randomUUID(),
      digest: sha256(token).toString('hex'),
      prefix: token.slice(0, PREFIX_LENGTH),
      created_at: new Date().toISOString(),
    }
    const listed = this.#tokens.filter(({ expiration }) => !isOver(expiration, LISTED_MS))
    this.#save(this.#users, [...listed, kept])
    return token
  }

  /** Those whose time was over within the last 30 days, too. */
  tokensOf(username: string): KeptToken[] {
    return this.#tokens.filter((token) => token.username === username && !isOver(token.expiration, LISTED_MS))
  }

  removeToken(username: string, prefix: string): void {
    const gone = this.tokensOf(username).find((token) => token.prefix === prefix)
    if (!gone) throw new ApiError(404, `token ${prefix} not found`)
    this.#save(
      this.#users,
      this.#tokens.filter(({ id }) => id !== gone.id),
    )
  }

  /** The token of that SHA-256 in hexadecimal; undefined when there is none or its time is over. */
  find(digest: string): KeptToken | undefined {
    const found = this.#tokens.find((token) => token.digest === digest)
    if (!found || isOver(found.expiration)) return undefined
    this.#noteUse(found)
    return found
  }

  #noteUse({ id, last_used_at }: KeptToken): void {
    if (last_used_at !== undefined && Date.now() - Date.parse(last_used_at) < USE_MS) return
    const now = new Date().toISOString()
    this.#tokens = this.#tokens.map((token) => (token.id === id ? { ...token, last_used_at: now } : token))
    try {
      this.#save(this.#users, this.#tokens)
    } catch {
      // a full disk keeps nobody out; it is written with the next change
    }
  }

  #save(users: User[], tokens: KeptToken[]): void {
    writeAtomically(this.#file, `${JSON.stringify({ users, tokens }, null, 2)}\n`)
    this.#users = users
    this.#tokens = tokens
  }
}

export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Whether its time was over so many milliseconds ago. */
function isOver(expiration: string | undefined, ago = 0): boolean {
  return expiration !== undefined && Date.parse(expiration) <= Date.now() - ago
}

function readAccounts(file: string): { users?: User[]; tokens?: KeptToken[] } {
  try {
    return JSON.parse(readText(file) ?? '{}') as { users?: User[]; tokens?: KeptToken[] }
  } catch (error) {
    throw new Error(
      `${file} cannot be read; mend it, or move it away to lose all users and tokens made here`,
      {
        cause: error,
      },
    )
  }
}
