import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { expectNothingLeft, note, preparedCluster, processesOf, query } from './cluster.ts'
import { drive } from './project.ts'

const cluster = preparedCluster()

it('starts a killed postmaster again on the same port, also while one of its backends is busy', async () => {
  const server = await cluster.start(await cluster.aDataDir())
  const busy = query(server.url, (sql) => sql`select count(*) from generate_series(1, 1e12::bigint)`)
  busy.catch(() => {})
  await vi.waitFor(() => {
    expect(processesOf(server.clusterDir).some((command) => / SELECT$/.test(command))).toBe(true)
  })
  const before = server.pid()!
  process.kill(before, 'SIGKILL')
  await vi.waitFor(async () => expect(await note(server.url)).toBe('kept'))
  await expect(busy).rejects.toThrow()
  await vi.waitFor(() => expect(server.pid()).toBeTypeOf('number'))
  expect(server.pid()).not.toBe(before)
  await server.stop()
  expectNothingLeft(server.clusterDir)
})

it('starts an adopted postmaster again when it dies', async () => {
  const dataDir = await cluster.aDataDir()
  const driver = drive(cluster.project, dataDir)
  await driver.outcome
  await driver.kill()
  const server = await cluster.start(dataDir)
  const before = server.pid()!
  process.kill(before, 'SIGKILL')
  await vi.waitFor(() => expect(server.log.join()).toContain('PostgreSQL is back'))
  expect(server.pid()).not.toBe(before)
  expect(await note(server.url)).toBe('kept')
})

it('gives up with the reason when the postmaster cannot come back', async () => {
  const server = await cluster.start(await cluster.aDataDir())
  renameSync(join(server.clusterDir, 'global', 'pg_control'), join(server.clusterDir, 'global', 'gone'))
  process.kill(server.pid()!, 'SIGKILL')
  await vi.waitFor(() => expect(server.given.up?.message).toContain('could not find the database system'))
  expect(server.pid()).toBeUndefined()
  await server.stop()
  expectNothingLeft(server.clusterDir)
})

it('can be stopped while it starts a killed postmaster again', async () => {
  const server = await cluster.start(await cluster.aDataDir())
  process.kill(server.pid()!, 'SIGKILL')
  await vi.waitFor(() => expect(server.pid()).toBeUndefined(), { interval: 1 })
  await server.stop()
  expectNothingLeft(server.clusterDir)
  expect(server.given.up).toBeUndefined()
})
