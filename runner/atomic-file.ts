import { renameSync, writeFileSync } from 'node:fs'

/** Writes a file whole or not at all, readable by its owner only. */
export function writeAtomically(file: string, text: string): void {
  const temporary = `${file}.${process.pid}.tmp`
  writeFileSync(temporary, text, { mode: 0o600 })
  renameSync(temporary, file)
}
