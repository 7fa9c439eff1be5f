import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { cp } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { clusterDirOf } from '../../../runner/postgres/cluster.ts'
import {
  drive,
  type Identity,
  installProject,
  isRoot,
  NOBODY,
  nodeFor,
  openFolder,
  PACKAGE,
  removeFolder,
} from './project.ts'

/** The account of a normal user: ourselves, unless we are root. */
const someone: Identity = isRoot ? NOBODY : {}

/** A user that every Unix has, as sudo would name it; initdb wants one with a name. */
const DAEMON = { SUDO_UID: '1', SUDO_GID: '1' }

let project: string
/** What `someone` starts the driver with. */
let node: string
/** A data directory of `someone`'s with a stopped cluster, to be copied: to make one takes long. */
let prepared: string

beforeAll(async () => {
  project = await openFolder()
  await installProject(project)
  prepared = join(await openFolder(), 'data')
  node = await nodeFor(someone, project)
  mkdirSync(prepared, { mode: 0o700 })
  if (someone.uid && someone.gid) chownSync(prepared, someone.uid, someone.gid)
  const { text } = await outcomeOf(prepared, someone)
  expect(text).toBeUndefined()
})

afterAll(async () => {
  await removeFolder(project)
  await removeFolder(dirname(prepared))
})

/** A folder of `someone`'s; removed after the test. */
async function aFolder(mode: number, owner: Identity = {}): Promise<string> {
  const root = await openFolder()
  onTestFinished(() => removeFolder(root))
  const path = join(root, 'folder')
  mkdirSync(path)
  chmodSync(path, mode)
  if (owner.uid && owner.gid) chownSync(path, owner.uid, owner.gid)
  return path
}

/** Such a data directory of a test's own. */
async function aDataDir(mode = 0o700): Promise<string> {
  const dataDir = join(await aFolder(0o711), 'data')
  execFileSync('cp', ['-a', prepared, dataDir])
  chmodSync(dataDir, mode)
  return dataDir
}

/** A copy of the project without the links that a blocked install script would have made. */
async function aProjectWithoutLinks(owner: Identity = {}): Promise<string> {
  const copy = join(await aFolder(0o755), 'project')
  // its files stay one with those of the project
  execFileSync('cp', ['-al', project, copy])
  for (const path of linksOf(copy)) rmSync(path)
  if (owner.uid) forFolders(copy, 'chown', `${owner.uid}:${owner.gid}`)
  return copy
}

function forFolders(root: string, command: 'chown' | 'chmod', how: string): void {
  execFileSync('find', [root, '-type', 'd', '-exec', command, how, '{}', '+'])
}

function linksOf(root: string): string[] {
  const native = join(root, 'node_modules', PACKAGE, 'native')
  return readdirSync(native, { recursive: true })
    .map((name) => join(native, String(name)))
    .filter((path) => lstatSync(path).isSymbolicLink())
}

async function outcomeOf(dataDir: string, identity: Identity, from = project) {
  const driver = drive(from, dataDir, identity, node)
  const outcome = await driver.outcome
  const ownerOfPostmaster = outcome.pid === undefined ? undefined : statSync(`/proc/${outcome.pid}`).uid
  await driver.stop()
  return { ...outcome, ownerOfPostmaster }
}

describe('as a normal user', () => {
  it('keeps the cluster in the data directory, closed to others', async () => {
    const dataDir = join(await aFolder(0o755, someone), 'a new', 'data')
    const { dir, text } = await outcomeOf(dataDir, someone)
    expect(text).toBeUndefined()
    expect(dir).toBe(join(dataDir, 'pg18'))
    expect(statSync(dataDir).mode & 0o777).toBe(0o700)
    expect(readdirSync(dataDir).sort()).toEqual(['logs', 'pg18'])
  })

  it('makes links that a blocked install script did not, in place', async () => {
    const bare = await aProjectWithoutLinks(someone)
    const { event } = await outcomeOf(await aDataDir(), someone, bare)
    expect(event).toBe('ready')
    expect(linksOf(bare)).toHaveLength(linksOf(project).length)
  })

  it('runs from a copy in the data directory when links are missing and it may not make them', async () => {
    const bare = await aProjectWithoutLinks()
    forFolders(bare, 'chmod', 'a-w')
    onTestFinished(() => forFolders(bare, 'chmod', 'u+w'))
    const dataDir = await aFolder(0o700, someone)
    const { text } = await outcomeOf(dataDir, someone, bare)
    expect(text).toBeUndefined()
    expect(linksOf(bare)).toEqual([])
    expect(readdirSync(dataDir).find((name) => name.startsWith('postgresql-18'))).toBeDefined()
  })

  it('repairs a cluster folder that was opened to others', async () => {
    const dataDir = await aDataDir()
    const dir = join(dataDir, 'pg18')
    chmodSync(dir, 0o777)
    expect((await outcomeOf(dataDir, someone)).event).toBe('ready')
    expect(statSync(dir).mode & 0o777).toBe(0o700)
  })

  it('says which data directory is not writable, and writes nothing', async () => {
    const dataDir = await aFolder(0o500, someone)
    const { event, text } = await outcomeOf(dataDir, someone)
    expect(event).toBe('failed')
    expect(text).toContain(`data directory ${dataDir}`)
    expect(text).toContain('not writable for user')
    expect(readdirSync(dataDir)).toEqual([])
  })

  it('says when the data directory is a file', async () => {
    const path = join(await aFolder(0o755, someone), 'file')
    writeFileSync(path, '')
    chmodSync(path, 0o666)
    expect((await outcomeOf(path, someone)).text).toContain(`data directory ${path} is not a folder`)
  })

  it.each([
    ['PG_VERSION', '17\n', 'is a cluster of PostgreSQL 17, hai runs 18'],
    ['letter', 'dear', 'is not a PostgreSQL cluster'],
  ])('refuses to touch a cluster folder that holds a foreign %s', async (name, content, message) => {
    const dataDir = await aFolder(0o700, someone)
    const dir = join(dataDir, 'pg18')
    mkdirSync(dir)
    writeFileSync(join(dir, name), content)
    if (isRoot) execFileSync('chown', ['-R', `${NOBODY.uid}:${NOBODY.gid}`, dir])
    expect((await outcomeOf(dataDir, someone)).text).toContain(
      `${dir} ${message}`.replace(' is not', ' holds something that is not'),
    )
    expect(readdirSync(dir)).toEqual([name])
  })

  it('names the package that is missing, and npm ci', async () => {
    const bare = join(await aFolder(0o755), 'project')
    await cp(join(project, 'build'), join(bare, 'build'), { recursive: true })
    const { text } = await outcomeOf(await aFolder(0o700, someone), someone, bare)
    expect(text).toContain(`the package ${PACKAGE} is not installed; run npm ci`)
  })
})

describe.runIf(isRoot)('as root', () => {
  it('runs PostgreSQL as an unprivileged user that exists, and makes no other', async () => {
    const users = readFileSync('/etc/passwd', 'utf8')
    const { event, dir, ownerOfPostmaster } = await outcomeOf(await aFolder(0o711), {})
    expect(event).toBe('ready')
    expect(ownerOfPostmaster).toBeGreaterThan(0)
    expect(statSync(dir!).uid).toBe(ownerOfPostmaster)
    expect(readFileSync('/etc/passwd', 'utf8')).toBe(users)
  })

  it('runs PostgreSQL as the user who called sudo', async () => {
    const { event, ownerOfPostmaster } = await outcomeOf(await aFolder(0o711), { env: DAEMON })
    expect([event, ownerOfPostmaster]).toEqual(['ready', 1])
  })

  it('keeps the owner that a cluster has', async () => {
    const dataDir = await aDataDir(0o711)
    const { event, ownerOfPostmaster } = await outcomeOf(dataDir, {})
    expect([event, ownerOfPostmaster]).toEqual(['ready', NOBODY.uid])
    expect((await outcomeOf(dataDir, NOBODY)).event).toBe('ready')
  })

  it('tells a normal user when a cluster belongs to another', async () => {
    const dataDir = await aDataDir(0o777)
    execFileSync('chown', ['-R', '1:1', join(dataDir, 'pg18')])
    const { text } = await outcomeOf(dataDir, NOBODY)
    expect(text).toContain('belongs to user 1, you are 65534')
  })

  it('works in a closed folder, with a closed umask: the cluster and a copy of the programs are under /var/lib/hai', async () => {
    const closed = await aFolder(0o700)
    const umask = process.umask(0o077)
    execFileSync('cp', ['-al', project, join(closed, 'project')])
    const dataDir = join(closed, 'data')
    const { version } = JSON.parse(
      readFileSync(join(project, 'node_modules', PACKAGE, 'package.json'), 'utf8'),
    )
    const copy = `/var/lib/hai/postgresql-${version}`
    const copyWasThere = existsSync(copy)
    onTestFinished(async () => {
      process.umask(umask)
      await removeFolder(dirname(clusterDirOf(dataDir)))
      if (!copyWasThere) await removeFolder(copy)
    })
    const { event, dir } = await outcomeOf(dataDir, {}, join(closed, 'project'))
    expect(event).toBe('ready')
    expect(dir).toMatch(/^\/var\/lib\/hai\/data-[0-9a-f]{8}\/pg18$/)
    expect(existsSync(join(copy, 'bin', 'postgres'))).toBe(true)
    // Opening the folder later must not start an empty second cluster.
    chmodSync(closed, 0o755)
    chmodSync(dataDir, 0o755)
    expect(clusterDirOf(dataDir)).toBe(dir)
  })

  it('says when the disk is full, and leaves nothing half made', async () => {
    const dataDir = await aFolder(0o711)
    const mounted = spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=12m,mode=711', 'none', dataDir])
    expect(mounted.status, 'this test mounts a small disk; run it where root may mount').toBe(0)
    onTestFinished(() => void execFileSync('/bin/umount', [dataDir]))
    const { event, text } = await outcomeOf(dataDir, {})
    expect(event).toBe('failed')
    expect(text).toContain(`the disk that holds ${dataDir} is full`)
    expect(readdirSync(dataDir)).toEqual(['logs'])
  })
})
