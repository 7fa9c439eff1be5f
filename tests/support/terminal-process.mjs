// Runs in Bun, which can open a pseudo-terminal: the first argument is {command, env, cwd, columns, rows} as JSON; what is
// written to stdin is typed, what the terminal shows comes on stdout.
const { command, env, cwd, columns, rows } = JSON.parse(process.argv[2])
const shown = Promise.withResolvers()
const terminal = new Bun.Terminal({
  cols: columns,
  rows,
  data: (_, bytes) => process.stdout.write(bytes),
  exit: () => shown.resolve(),
})
const child = Bun.spawn(command, { terminal, env: { ...env, TERM: 'xterm-256color' }, cwd })
process.stdin.on('data', (bytes) => terminal.write(bytes))
process.exitCode = await child.exited
// what a program wrote last may come after its end
await Promise.race([shown.promise, Bun.sleep(500)])
terminal.close()
process.stdin.destroy()
