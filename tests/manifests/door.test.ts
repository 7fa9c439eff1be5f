import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { addGitops } from '../../cli/commands/gitops.ts'
import { generatedObjects, ownManifests } from '../../cli/gitops-manifests.ts'
import { Session } from '../../cli/session.ts'
import type { ErrorBody } from '../../f/hai/core/contract.ts'
import type { ClusterStatus } from '../../f/hai/core/gitops/report.ts'
import { FakeIo } from '../cli/run-hai.ts'
import { testDatabase } from '../support/database.ts'
import { startStack, type TestStack } from '../support/stack.ts'
import { ApiServer } from './api-server.ts'
import { liveOf } from './live-objects.ts'

const db = testDatabase()
const api = new ApiServer()
const objects = generatedObjects(ownManifests())
let stack: TestStack
let folder: string

beforeAll(async () => {
  await api.start()
  for (const object of objects) api.put(liveOf(object))
  stack = await startStack({ databaseUrl: db.url })
  folder = join(stack.env.HOME!, '.kube')
  await mkdir(folder)
})
afterAll(() => api.stop())

it('looks at the cluster of the kubeconfig, as a job of the local stack', async () => {
  await writeFile(join(folder, 'config'), api.kubeconfig())
  const { status, body } = await stack.call<ClusterStatus>('f/hai/gitops/status', { objects })
  expect(status).toBe(200)
  expect(body.objects.filter(({ verdict }) => verdict !== 'good')).toEqual([])
  expect(body.objects).toHaveLength(objects.length)
})

it('is told by hai gitops status, one line per object, with the host as it looks from here', async () => {
  // a name that every machine has, so that the test asks nobody else
  for (const object of objects.filter(({ kind }) => kind === 'HTTPRoute')) {
    api.put({ ...liveOf(object), spec: { ...(object.spec as object), hostnames: ['localhost'] } })
  }
  await writeFile(join(folder, 'config'), api.kubeconfig())
  const io = new FakeIo({
    env: {
      HOME: stack.env.HOME!,
      HAI_ENDPOINT: stack.endpoint,
      HAI_TOKEN: stack.token,
      HAI_WORKSPACE: stack.workspace,
    },
  })
  const session = new Session(io)
  const program = new Command('hai').exitOverride()
  addGitops(program, session)
  await program.parseAsync(['gitops', 'status'], { from: 'user' })
  await session.close()
  expect(io.stdout.text).toContain('✓ Deployment home/hai-oauth2-proxy: 1 of 1 pods available\n')
  expect(io.stdout.text).toContain('✗ https://localhost')
  expect(io.stdout.text).toContain('– HTTPRoute home/hai: accepted; a field differs\n')
  expect(session.exit).toBe(1)
})

it('says that no cluster is known, when there is none', async () => {
  await rm(join(folder, 'config'), { force: true })
  const { status, body } = await stack.call<ErrorBody>('f/hai/gitops/status', { objects })
  expect(status).toBe(503)
  expect(body.error.message).toContain('no cluster is known here')
})
