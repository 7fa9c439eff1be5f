const PREFIX: Record<number, string> = { 400: 'Bad request: ', 404: 'Not found: ' }

/** An error a client of the API may meet: Windmill's status and its text/plain body. */
export class ApiError extends Error {
  readonly status: 400 | 401 | 403 | 404 | 413 | 429 | 500 | 501 | 503

  /** After how many seconds to come again, where that helps. */
  readonly retryAfter: number | undefined

  constructor(status: ApiError['status'], message: string, retryAfter?: number) {
    super(`${PREFIX[status] ?? ''}${message}`)
    this.name = 'ApiError'
    this.status = status
    this.retryAfter = retryAfter
  }
}
