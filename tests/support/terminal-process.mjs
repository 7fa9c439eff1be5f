// Runs in Bun, which can open a pseudo-terminal: the first argument is {command, env, cwd, columns, rows} as JSON; what is
// written to stdin is typed, what the terminal shows comes on stdout.
const { command, env, cwd, columns, rows } = JSON.parse(process.argv[2])
const terminal = new Bun.Terminal({ cols: columns, rows, data: (_, bytes) => process.stdout.write(bytes) })
const child = Bun.spawn(command, { terminal, env: { ...env, TERM: 'xterm-256color' }, cwd })
process.stdin.on('data', (bytes) => terminal.write(bytes))
process.exitCode = await child.exited
terminal.close()
process.stdin.destroy()
