import { ApiError } from './api-error.ts'
import { OPERATOR, ROUTE_OWNER } from './identity.ts'
import { isOwn } from './items/bundle.ts'
import type { Catalog } from './items/catalog.ts'

/** An HTTP route that runs a script or flow, as its file has it. */
export interface HttpTrigger {
  path: string
  script_path: string
  is_flow: boolean
  /** Such as `hai/tasks/:id` or `files/*rest`. */
  route_path: string
  http_method: string
  request_type: string
  authentication_method: string
  authentication_resource_path: string | undefined
  workspaced_route: boolean
  wrap_body: boolean
  raw_string: boolean
  /** Whose rights its jobs have, such as `u/hai`. */
  permissioned_as: string
}

/** The trigger that a request is for, and what stands for the parameters of its route. */
export interface Match {
  trigger: HttpTrigger
  params: Record<string, string>
}

/** All HTTP triggers, read anew when something changed. */
export class HttpTriggers {
  #catalog: Catalog
  #workspace: string
  #stamp: string | undefined
  #triggers: HttpTrigger[] = []

  constructor(catalog: Catalog, workspace: string) {
    this.#catalog = catalog
    this.#workspace = workspace
  }

  /** Undefined when no trigger serves it. Of several the one with the fewest parameters. */
  find(method: string, path: string): Match | undefined {
    const matches = this.#read()
      .filter((trigger) => trigger.http_method.toUpperCase() === method)
      .flatMap((trigger) => {
        const params = paramsOf(this.#routeOf(trigger), path)
        return params ? [{ trigger, params }] : []
      })
    return matches.sort((a, b) => count(a) - count(b))[0]
  }

  #routeOf({ workspaced_route, route_path }: HttpTrigger): string {
    return workspaced_route ? `${this.#workspace}/${route_path}` : route_path
  }

  #read(): HttpTrigger[] {
    const stamp = this.#catalog.stamp()
    if (stamp !== this.#stamp) {
      this.#triggers = this.#catalog.items('http_trigger').map(([path, item]) => readTrigger(path, item))
      this.#stamp = stamp
    }
    return this.#triggers
  }
}

const count = ({ params }: Match) => Object.keys(params).length

/** A trigger of these fields; throws when one is missing. */
export function readTrigger(path: string, item: Item): HttpTrigger {
  const text = (field: string): string => {
    const value = item[field]
    if (typeof value === 'string') return value
    throw new ApiError(400, `HTTP trigger ${path}: ${field} is missing: expected text`)
  }
  const resource = item.authentication_resource_path
  return {
    path,
    script_path: text('script_path'),
    route_path: text('route_path'),
    http_method: text('http_method'),
    request_type: text('request_type'),
    authentication_method: text('authentication_method'),
    authentication_resource_path: typeof resource === 'string' ? resource : undefined,
    is_flow: item.is_flow === true,
    workspaced_route: item.workspaced_route === true,
    wrap_body: item.wrap_body === true,
    raw_string: item.raw_string === true,
    permissioned_as: ownerOf(path, item),
  }
}

/** Whom an admin who makes it names and asks to keep; of the bundle's a user for just this, else the operator, who makes it. */
function ownerOf(path: string, { permissioned_as: named, preserve_permissioned_as: kept }: Item): string {
  if (kept === true && typeof named === 'string') return named
  return `u/${isOwn(path) ? ROUTE_OWNER.user : OPERATOR.user}`
}

type Item = Record<string, unknown>

function paramsOf(route: string, path: string): Record<string, string> | undefined {
  const wanted = route.split('/')
  const given = path.split('/')
  const params: Record<string, string> = {}
  for (const [index, segment] of wanted.entries()) {
    if (segment.startsWith('*')) {
      if (given.length <= index) return undefined
      params[segment.slice(1)] = given.slice(index).join('/')
      return params
    }
    const value = given[index]
    if (value === undefined || value === '') return undefined
    if (segment.startsWith(':')) params[segment.slice(1)] = value
    else if (segment !== value) return undefined
  }
  return given.length === wanted.length ? params : undefined
}
