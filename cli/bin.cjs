#!/usr/bin/env node
const { existsSync } = require('node:fs')
const { join } = require('node:path')

const built = join(__dirname, '..', 'build', 'hai.cjs')
const words = process.argv.slice(2).join(' ')
if (words === '--version' || words === '-V') {
  // Asked often, and not worth loading a program for.
  process.stdout.on('error', ({ code, message }) => {
    if (code === 'EPIPE') process.exit(0)
    process.stderr.write(`hai: cannot write: ${code === 'ENOSPC' ? 'no space left on device' : message}\n`)
    process.exit(1)
  })
  process.stdout.write(`${require('../package.json').version}\n`)
} else if (existsSync(built)) {
  require('./code-cache.cjs').load(built).run()
} else {
  process.stderr.write('hai is not built yet; run: npm run build\n')
  process.exitCode = 1
}
