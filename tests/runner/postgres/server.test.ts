import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { stopPostmaster } from '../../../runner/postgres/postmaster.ts'
import { commandOf } from '../../../runner/process/table.ts'
import { expectNothingLeft, note, preparedCluster, processesOf, query } from './cluster.ts'
import { drive, openFolder, removeFolder } from './project.ts'

const cluster = preparedCluster()

it('keeps data, port and password from one start to the next, and leaves nothing running', async () => {
  const dataDir = await cluster.aDataDir()
  const first = await cluster.start(dataDir)
  expect(processesOf(first.clusterDir).length).toBeGreaterThan(1)
  await first.stop()
  expectNothingLeft(first.clusterDir)
  const second = await cluster.start(dataDir)
  expect(second.url).toBe(first.url)
  expect(second.adopted).toBe(false)
  expect(await note(second.url)).toBe('kept')
})

it('makes a cluster in UTF-8 and UTC that only a password opens, on 127.0.0.1 and no socket', async () => {
  const dataDir = await cluster.aDataDir()
  const { url, connection, clusterDir } = await cluster.start(dataDir)
  const [found] = await query(
    url,
    (sql) => sql`
      select upper('äß') as upper, current_setting('server_encoding') as encoding,
             current_setting('timezone') as timezone, current_setting('listen_addresses') as addresses,
             current_setting('unix_socket_directories') as sockets`,
  )
  expect(found).toEqual({
    upper: 'Äß',
    encoding: 'UTF8',
    timezone: 'UTC',
    addresses: '127.0.0.1',
    sockets: '',
  })
  const wrong = url.replace(connection.password, 'guess')
  await expect(note(wrong)).rejects.toMatchObject({ code: '28P01' })
  expect(statSync(join(clusterDir, 'hai-password')).mode & 0o777).toBe(0o600)
  expect(statSync(clusterDir).mode & 0o777).toBe(0o700)
})

it('adopts the postmaster that outlived a killed supervisor, and can stop it', async () => {
  const dataDir = await cluster.aDataDir()
  const driver = drive(cluster.project, dataDir)
  const { pid } = await driver.outcome
  await driver.kill()
  const server = await cluster.start(dataDir)
  expect([server.adopted, server.pid()]).toEqual([true, pid])
  expect(await note(server.url)).toBe('kept')
  await server.stop()
  expectNothingLeft(server.clusterDir)
})

it('recovers after a crash of everything', async () => {
  const { dataDir } = await cluster.aCrashedDataDir()
  const server = await cluster.start(dataDir)
  expect(server.adopted).toBe(false)
  expect(await note(server.url)).toBe('kept')
})

it('starts although the process id of its stale lock now belongs to another program', async () => {
  const { dataDir, lock } = await cluster.aCrashedDataDir()
  const { uid, gid } = statSync(lock)
  const stranger = spawn('sleep', ['600'], { uid, gid, cwd: '/' })
  onTestFinished(() => void stranger.kill('SIGKILL'))
  writeFileSync(lock, readFileSync(lock, 'utf8').replace(/^\d+/, String(stranger.pid)))
  const server = await cluster.start(dataDir)
  expect(await note(server.url)).toBe('kept')
  expect(commandOf(stranger.pid!)).toBe('sleep 600')
})

it('starts although the killed postmaster is a zombie that nobody reaps', async () => {
  const dataDir = await cluster.aDataDir()
  const driver = drive(cluster.project, dataDir)
  const { pid } = await driver.outcome
  driver.child.kill('SIGSTOP')
  process.kill(pid!, 'SIGKILL')
  await vi.waitFor(() => expect(commandOf(pid!)).toBeUndefined())
  expect(process.kill(pid!, 0)).toBe(true)
  const server = await cluster.start(dataDir)
  expect(await note(server.url)).toBe('kept')
  await driver.kill()
})

it('starts over an empty lock file that a full disk left', async () => {
  const { dataDir, lock } = await cluster.aCrashedDataDir()
  writeFileSync(lock, '')
  utimesSync(lock, 1, 1)
  const server = await cluster.start(dataDir)
  expect(await note(server.url)).toBe('kept')
})

it('takes another port when the previous one is taken', async () => {
  const dataDir = await cluster.aDataDir()
  const { connection, stop } = await cluster.start(dataDir)
  await stop()
  const other = createServer().listen(connection.port, '127.0.0.1')
  onTestFinished(() => void other.close())
  const server = await cluster.start(dataDir)
  expect(server.connection.port).not.toBe(connection.port)
  expect(await note(server.url)).toBe('kept')
})

it('makes and starts a cluster whatever the locale and the PG variables of its caller', async () => {
  const dataDir = await openFolder()
  onTestFinished(() => removeFolder(dataDir))
  const env = {
    LC_ALL: 'de_DE.UTF-8',
    LANG: 'xx',
    PGDATA: '/nowhere',
    PGPORT: '1',
    PGOPTIONS: '-c work_mem=nonsense',
  }
  const driver = drive(cluster.project, dataDir, { env })
  expect(await driver.outcome).toMatchObject({ event: 'ready', adopted: false })
  await driver.stop()
  expectNothingLeft(join(dataDir, 'pg18'))
})

it('lets three first starts at once share one cluster and one postmaster', async () => {
  const dataDir = await openFolder()
  onTestFinished(() => removeFolder(dataDir))
  const drivers = [1, 2, 3].map(() => drive(cluster.project, dataDir))
  const outcomes = await Promise.all(drivers.map(({ outcome }) => outcome))
  expect(outcomes.map(({ text }) => text)).toEqual([undefined, undefined, undefined])
  expect(new Set(outcomes.map(({ url, pid }) => `${url} ${pid}`)).size).toBe(1)
  expect(outcomes.filter(({ adopted }) => !adopted)).toHaveLength(1)
  await query(outcomes[0]!.url!, (sql) => sql`select 1`)
  await Promise.all(drivers.map((driver) => driver.kill()))
  expect(await stopPostmaster(outcomes[0]!.dir!)).toBe(true)
  expect(existsSync(join(dataDir, 'pg18', 'PG_VERSION'))).toBe(true)
  expectNothingLeft(outcomes[0]!.dir!)
})

it('waits for a frozen postmaster, and says so', async () => {
  const dataDir = await cluster.aDataDir()
  const driver = drive(cluster.project, dataDir)
  const { pid } = await driver.outcome
  await driver.kill()
  process.kill(pid!, 'SIGSTOP')
  const waiting = drive(cluster.project, dataDir)
  await vi.waitFor(() => {
    expect(waiting.events).toContainEqual({
      event: 'progress',
      text: expect.stringContaining('does not answer yet'),
    })
  })
  process.kill(pid!, 'SIGCONT')
  expect(await waiting.outcome).toMatchObject({ event: 'ready', adopted: true, pid })
  await waiting.stop()
})

it('stops a postmaster whose supervisor is gone, and says when there is none', async () => {
  const dataDir = await cluster.aDataDir()
  const driver = drive(cluster.project, dataDir)
  const { dir } = await driver.outcome
  await driver.kill()
  expect(await stopPostmaster(dir!)).toBe(true)
  expectNothingLeft(dir!)
  expect(await stopPostmaster(dir!)).toBe(false)
})

it('makes a cluster although the starter before was killed while it made one', async () => {
  const dataDir = await openFolder()
  onTestFinished(() => removeFolder(dataDir))
  const killed = drive(cluster.project, dataDir)
  await vi.waitFor(() => {
    expect(readdirSync(dataDir).some((name) => name.startsWith('.initdb-'))).toBe(true)
  })
  await killed.kill()
  const server = await cluster.start(dataDir)
  expect(readdirSync(dataDir).sort()).toEqual(['logs', 'pg18'])
  expect(server.adopted).toBe(false)
})

it('says when the password of the cluster is lost, and starts nothing', async () => {
  const dataDir = await cluster.aDataDir()
  rmSync(join(dataDir, 'pg18', 'hai-password'))
  await expect(cluster.start(dataDir)).rejects.toThrow('hai-password is missing')
  expectNothingLeft(join(dataDir, 'pg18'))
})
