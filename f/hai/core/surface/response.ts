/** A success with a status of its own, as Windmill's sync routes read it: `result` alone becomes the body. */
export interface Shaped<Body> {
  windmill_status_code: number
  result: Body
}

/** 201: what was asked for is there now. */
export function created<Body>(result: Body): Shaped<Body> {
  return { windmill_status_code: 201, result }
}

/** 202: it is written down and will be done. */
export function accepted<Body>(result: Body): Shaped<Body> {
  return { windmill_status_code: 202, result }
}
