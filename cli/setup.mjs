// Puts `hai` on the PATH: a link in ~/.local/bin to this clone's launcher. Run again after moving the clone.
import { lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'

const launcher = resolve(import.meta.dirname, 'bin.cjs')
const bin = join(process.env.HOME || homedir(), '.local', 'bin')
const link = join(bin, 'hai')

mkdirSync(bin, { recursive: true })
const there = lstatSync(link, { throwIfNoEntry: false })
if (there && !(there.isSymbolicLink() && readlinkSync(link).endsWith('/cli/bin.cjs'))) {
  console.error(`hai: ${link} exists and is not ours; move it away and run npm run setup again`)
  process.exit(1)
}
if (there) rmSync(link)
symlinkSync(launcher, link)
console.log(`${link} → ${launcher}`)
if (!(process.env.PATH ?? '').split(delimiter).includes(bin)) {
  console.log(
    `${bin} is not on your PATH; add this line to your shell's profile:\n  export PATH="$HOME/.local/bin:$PATH"`,
  )
}
