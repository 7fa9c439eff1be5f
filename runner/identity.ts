import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Who calls, as Windmill names it. */
export interface Identity {
  username: string
  email: string
  /** The token is a running job's, not a person's. */
  job: boolean
}

export const OPERATOR: Identity = { username: 'operator', email: 'operator@example.com', job: false }

/** The tokens that open the API. Only their SHA-256 is kept. */
export class Tokens {
  #holders = new Map<string, { digest: Buffer; identity: Identity }>()

  constructor(operatorToken: string) {
    this.#add(operatorToken, OPERATOR)
  }

  /** A token of its own for one job, with its caller's identity; `revoke` ends it. */
  mint(identity: Identity): { token: string; revoke: () => void } {
    const token = randomUUID()
    const key = this.#add(token, { ...identity, job: true })
    return { token, revoke: () => this.#holders.delete(key) }
  }

  holder(token: string): Identity | undefined {
    const digest = sha256(token)
    const held = this.#holders.get(digest.toString('hex'))
    return held && timingSafeEqual(held.digest, digest) ? held.identity : undefined
  }

  #add(token: string, identity: Identity): string {
    const digest = sha256(token)
    const key = digest.toString('hex')
    this.#holders.set(key, { digest, identity })
    return key
  }
}

function sha256(token: string): Buffer {
  return createHash('sha256').update(token).digest()
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
      linkSync(temporary, file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      rmSync(temporary)
    }
  }
  const token = readFileSync(file, 'utf8').trim()
  if (token.length < 20) throw new Error(`${file} holds no token; remove it and start again to get a new one`)
  return token
}
