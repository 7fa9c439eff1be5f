import { ApiError } from '../api-error.ts'

type Body = Record<string, unknown>

const PATH = /^[fu](\/[\w-]+){2,}$/

/** A field that must be text. */
export function textField(body: Body, field: string): string {
  const value = body[field]
  if (typeof value === 'string') return value
  throw new ApiError(400, `${field} is ${value === undefined ? 'missing' : 'not text'}: expected text`)
}

/** The field `path`, which says where something is put. */
export function pathField(body: Body): string {
  const path = textField(body, 'path')
  if (PATH.test(path)) return path
  throw new ApiError(400, `path "${path}" is not accepted; expected f/<folder>/<name> or u/<user>/<name>`)
}

/** A field that is text when it is given. */
export function optionalText(body: Body, field: string): string | undefined {
  return body[field] === undefined || body[field] === null ? undefined : textField(body, field)
}

/** A field that must be true or false. */
export function flagField(body: Body, field: string): boolean {
  const value = body[field]
  if (typeof value === 'boolean') return value
  throw new ApiError(400, `${field} is ${JSON.stringify(value)}: expected true or false`)
}

/** Refuses to move a thing to another path, which is not implemented. */
export function refuseMove(body: Body, path: string): void {
  if (body.path === undefined || body.path === path) return
  throw new ApiError(501, `not implemented by the local runner: renaming ${path}`)
}
