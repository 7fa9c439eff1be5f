import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Accounts, sha256 } from './accounts.ts'
import { linked } from './files.ts'

/** Who calls, as Windmill names it. */
export interface Identity {
  /** What a job is created by: the user's name, or what stands for the user's labelled token. */
  username: string
  /** The user whose rights it has. */
  user: string
  email: string
  /** May do and read everything; without it, run scripts and see one's own jobs. */
  admin: boolean
  /** The token is a running job's, not a person's. */
  job: boolean
  /** All that a token may be used for; anything when not given. */
  scopes?: string[]
  /** The workspace in which the token is one. */
  workspace?: string | undefined
  /** The token changes nothing and runs nothing. */
  readOnly?: boolean
  /** A folder that the user reads beside their own and hai's. */
  reads?: string
}

export const OPERATOR: Identity = {
  username: 'operator',
  user: 'operator',
  email: 'operator@example.com',
  admin: true,
  job: false,
}

/** As whom the bundle's HTTP routes run, whoever calls them. Nobody has the name, and there is no token. */
export const ROUTE_USER = 'hai'

/** The user may run what hai is, as one of Windmill's role *operator* may, and writes nothing. */
export const ROUTE_OWNER: Identity = {
  username: ROUTE_USER,
  user: ROUTE_USER,
  email: 'hai@example.com',
  admin: false,
  job: false,
  reads: 'f/hai_routes/',
}

/** Whether somebody may read what lies at that path, and so run it. Whoever calls reads the folder `hai`, and what lies below the user's own name. */
export const mayRead = ({ admin, user, reads }: Identity, path: string): boolean =>
  admin || [`u/${user}/`, 'f/hai/', reads].some((folder) => folder !== undefined && path.startsWith(folder))

/** Windmill takes a label that begins like this for the name itself. */
const VERBATIM = /^(webhook|http|email|ws)-/

/** Names of jobs that no user started with a token without a label. */
export const isStandIn = (name: string): boolean =>
  /^(label|webhook|http|email|ws|schedule|ephemeral)[- ]|^(session|lsp)$/i.test(name)

/** Labels that Windmill's server alone gives: it takes what follows for the name of somebody else. */
export const isReservedLabel = (label: string): boolean =>
  /^(ephemeral-(webhook|script)|mcp-oauth-)|^session$/.test(label)

/** The tokens that open the API. Only their SHA-256 is kept. */
export class Tokens {
  #operator: Buffer
  #accounts: Accounts
  #jobs = new Map<string, Identity>()

  constructor(operatorToken: string, accounts: Accounts) {
    this.#operator = sha256(operatorToken)
    this.#accounts = accounts
  }

  /** A token of its own for one job, with its rights; `revoke` ends it. */
  mint(identity: Identity): { token: string; revoke: () => void } {
    const token = randomUUID()
    const key = sha256(token).toString('hex')
    this.#jobs.set(key, { ...identity, job: true })
    return { token, revoke: () => this.#jobs.delete(key) }
  }

  /** Whose token it is; undefined when it is nobody's, or its time is over. */
  holder(token: string): Identity | undefined {
    const digest = sha256(token)
    if (timingSafeEqual(digest, this.#operator)) return OPERATOR
    // What is looked up is a digest, which tells nothing of how near a guess was.
    const key = digest.toString('hex')
    return this.#jobs.get(key) ?? this.#made(key)
  }

  #made(digest: string): Identity | undefined {
    const token = this.#accounts.find(digest)
    if (!token) return undefined
    const { username, label, scopes, workspace, read_only: readOnly } = token
    const user = username === OPERATOR.username ? OPERATOR : this.#accounts.user(username)
    if (!user) return undefined
    const name = label ? (VERBATIM.test(label) ? label : `label-${label}`) : username
    const { email, admin } = user
    return { username: name, user: username, email, admin, job: false, scopes, workspace, readOnly }
  }
}

export function tokenFileOf(dataDir: string): string {
  return join(dataDir, 'token')
}

/** The operator's token, made at the first start. Two that start at once agree on one. */
export function operatorToken(dataDir: string): string {
  const file = tokenFileOf(dataDir)
  if (!existsSync(file)) {
    const temporary = `${file}.${process.pid}`
    writeFileSync(temporary, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 })
    try {
      linked(temporary, file)
    } finally {
      rmSync(temporary)
    }
  }
  const token = readFileSync(file, 'utf8').trim()
  if (token.length < 20) throw new Error(`${file} holds no token; remove it and start again to get a new one`)
  return token
}
