import { Hono } from 'hono'
import { ApiError } from '../api-error.ts'
import { cronOf, readSchedule, readSchedules } from '../schedules.ts'
import { flagField, objectOf, pathField, textField } from './arguments.ts'
import { type Api, pathAfter, type Stack } from './context.ts'

const PREVIEWED = 10

/** Schedules, below `/api/w/:workspace`. One of a file can only be switched on and off here. */
export function scheduleRoutes(stack: Stack): Hono<Api> {
  const routes = new Hono<Api>()
  routes.get('/schedules/list', (call) => call.json(schedules(stack)))
  routes.get('/schedules/exists/*', (call) => {
    const path = pathAfter(call, '/schedules/exists/')
    return call.json(schedules(stack).some((schedule) => schedule.path === path))
  })
  routes.get('/schedules/get/*', (call) => call.json(find(stack, pathAfter(call, '/schedules/get/'))))
  routes.post('/schedules/create', async (call) => {
    const body = await objectOf(call)
    const path = pathField(body)
    if (schedules(stack).some((schedule) => schedule.path === path)) {
      throw new ApiError(400, `schedule ${path} already exists`)
    }
    const { schedule, timezone } = readSchedule(path, body)
    cronOf(schedule, timezone)
    stack.uploads.setItem('schedules', path, body)
    stack.scheduler.restart()
    return call.text(path, 201)
  })
  routes.delete('/schedules/delete/*', (call) => {
    const path = pathAfter(call, '/schedules/delete/')
    if (!stack.uploads.has('schedules', path)) throw new ApiError(404, `schedule ${path} was not made here`)
    stack.uploads.remove('schedules', path)
    stack.scheduler.restart()
    return call.text(`schedule ${path} deleted`)
  })
  routes.post('/schedules/setenabled/*', async (call) => {
    const { path } = find(stack, pathAfter(call, '/schedules/setenabled/'))
    const enabled = flagField(await objectOf(call), 'enabled')
    stack.items.enableSchedule(path, enabled)
    stack.scheduler.restart()
    return call.text(`schedule ${path} ${enabled ? 'enabled' : 'disabled'}`)
  })
  return routes
}

/** `POST /api/schedules/preview`: the next times a pattern is due. */
export function previewRoute(): Hono<Api> {
  const routes = new Hono<Api>()
  routes.post('/preview', async (call) => {
    const body = await objectOf(call)
    const [schedule, timezone] = [textField(body, 'schedule'), textField(body, 'timezone')]
    return call.json(cronOf(schedule, timezone).nextRuns(PREVIEWED))
  })
  return routes
}

function schedules(stack: Stack) {
  return readSchedules(stack.catalog).map((schedule) => ({
    ...schedule,
    enabled: stack.items.isEnabled(schedule.path, schedule.enabled),
    workspace_id: stack.workspace,
    edited_by: 'operator',
    email: 'operator@example.com',
    extra_perms: {},
    next_run: stack.scheduler.nextRun(schedule.path),
  }))
}

function find(stack: Stack, path: string): ReturnType<typeof schedules>[number] {
  const found = schedules(stack).find((schedule) => schedule.path === path)
  if (!found) throw new ApiError(404, `schedule ${path} not found`)
  return found
}
