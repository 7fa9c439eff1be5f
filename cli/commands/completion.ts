import { Argument, type Command } from 'commander'
import { examples } from '../command.ts'
import type { Session } from '../session.ts'
import { bash, fish, zsh } from './completion-script.ts'

const SCRIPTS = { bash, zsh, fish }

/** `hai completion SHELL`: a script for the shell, made from the whole command tree. */
export function addCompletion(program: Command, session: Session, whole: () => Command): void {
  const completion = program
    .command('completion')
    .description('print a completion script for your shell')
    .addArgument(new Argument('<shell>').choices(Object.keys(SCRIPTS)))
    .action(
      session.run(async (shell: keyof typeof SCRIPTS) => {
        session.print(SCRIPTS[shell](whole()))
        return undefined
      }),
    )
  examples(
    completion,
    'source <(hai completion bash)',
    'hai completion zsh > ~/.zfunc/_hai',
    'hai completion fish > ~/.config/fish/completions/hai.fish',
  )
}
