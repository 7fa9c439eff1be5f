// What a run of tests leaves behind would hold the output of whoever started it open, and go on working unseen. All that
// a run starts has its temporary folder somewhere about it: in its environment, its command line, or as its open log.
import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as elapse } from 'node:timers/promises'
import { quickFolder } from './quick-folder.mjs'

const PREFIX = 'hai-gate-'

/** What is told to end may take so long. */
const PATIENCE_MS = 5000
const POLL_MS = 50

/** A folder for all that a gate makes. What gates that were killed have left is ended and removed. */
export async function gateFolder() {
  const root = quickFolder()
  for (const name of readdirSync(root)) {
    const [, pid] = new RegExp(`^${PREFIX}(\\d+)-`).exec(name) ?? []
    if (pid && !isAlive(Number(pid))) await remove(join(root, name))
  }
  return passable(mkdtempSync(join(root, `${PREFIX}${process.pid}-`)))
}

async function remove(folder) {
  await endLeft(folder, 0)
  rmSync(folder, { recursive: true, force: true })
}

/** A folder for one run, to be its TMPDIR. */
export const runFolder = (gate) => passable(mkdtempSync(join(gate, 'run-')))

/** The account that PostgreSQL gets under root has to pass through it. */
function passable(folder) {
  chmodSync(folder, 0o711)
  return folder
}

/** Ends the processes that still have to do with the folder a while after its run, and returns their command lines. */
export async function endLeft(folder, patienceMs = PATIENCE_MS) {
  const deadline = Date.now() + patienceMs
  let left = processesOf(folder)
  for (; left.length > 0 && Date.now() < deadline; left = processesOf(folder)) await elapse(POLL_MS)
  const commands = left.map((pid) => `${pid} ${read(pid, 'cmdline').trim()}`)
  // one that is ended may have started another meanwhile
  for (; left.length > 0; left = processesOf(folder)) {
    for (const pid of left) end(pid)
    await elapse(POLL_MS)
  }
  return commands
}

/** The live processes that have the folder about them; none where there is no /proc to read. */
function processesOf(folder) {
  if (process.platform !== 'linux') return []
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  return pids.filter(
    (pid) => pid !== process.pid && !isZombie(pid) && traces(pid).some((text) => text.includes(folder)),
  )
}

const traces = (pid) => [
  ...['environ', 'cmdline'].map((name) => read(pid, name)),
  ...['cwd', 'fd/1', 'fd/2'].map((name) => target(pid, name)),
]

const isZombie = (pid) => / Z /.test(read(pid, 'stat').replace(/^.*\)/s, ''))

function read(pid, name) {
  return unlessGone(() => readFileSync(`/proc/${pid}/${name}`, 'utf8').replaceAll('\0', ' '))
}

function target(pid, name) {
  return unlessGone(() => readlinkSync(`/proc/${pid}/${name}`))
}

function end(pid) {
  unlessGone(() => process.kill(pid, 'SIGKILL'))
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** Others' processes are closed to us, and any may be gone at any time. */
function unlessGone(look) {
  try {
    return look()
  } catch (error) {
    if (!['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(error.code)) throw error
    return ''
  }
}
