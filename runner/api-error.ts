const PREFIX: Record<number, string> = { 400: 'Bad request: ', 404: 'Not found: ' }

/** An error a client of the API may meet: Windmill's status and its text/plain body. */
export class ApiError extends Error {
  readonly status: 400 | 401 | 403 | 404 | 413 | 415 | 500 | 501 | 503

  constructor(status: ApiError['status'], message: string) {
    super(`${PREFIX[status] ?? ''}${message}`)
    this.name = 'ApiError'
    this.status = status
  }
}
