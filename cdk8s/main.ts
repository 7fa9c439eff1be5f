import { run } from './program.ts'

run(process.argv.slice(2), (line) => console.log(line)).then((status) => {
  process.exitCode = status
})
