import { route } from '../../hai/core/base/door.ts'
import { receiveAlerts } from '../../hai/core/surface/alertmanager.ts'
import { bodyOf } from '../../hai/core/surface/request.ts'

/** Takes a group of alerts as Alertmanager's webhook tells it. `POST /inbox/alertmanager`. */
export async function main(body: unknown, raw_string: string) {
  return route((sql, caller) => receiveAlerts(sql, bodyOf({ body, raw_string }), caller))
}
