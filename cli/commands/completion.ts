import { Argument, type Command, Help, type Option } from 'commander'
import { examples } from '../command.ts'
import type { Session } from '../session.ts'

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

interface Node {
  /** `hai task ls` */
  path: string
  commands: { name: string; description: string }[]
  /** What its arguments may be, where that is a fixed list. */
  words: string[]
  options: Option[]
}

/** A completion script for bash, made from the command tree. */
export function bash(program: Command): string {
  const nodes = flatten(program)
  const values = valued(nodes).map(({ when, choices, file }) => {
    const reply = file
      ? 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); '
      : wordsFrom(choices)
    return `    ${when.map(quote).join('|')}) ${reply}return ;;`
  })
  const cases = nodes.map(({ path, commands, words, options }) => {
    const plain = [...commands.map(({ name }) => name), ...words].join(' ')
    return `    ${quote(path)}) plain=${quote(plain)} flags=${quote(options.flatMap(flagsOf).join(' '))} ;;`
  })
  return `# bash completion for hai; try it with: source <(hai completion bash)
_hai() {
  local at=hai plain= flags= i
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]}
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
    ${deeper(nodes).map(quote).join('|')}) at="$at \${COMP_WORDS[i]}" ;;
    esac
  done
  COMPREPLY=()
  case "$at $prev" in
${values.join('\n')}
  esac
  case "$at" in
${cases.join('\n')}
  esac
  if [[ $cur == -* ]]; then plain=$flags; fi
  COMPREPLY=($(compgen -W "$plain" -- "$cur"))
}
complete -F _hai hai`
}

/** A completion script for zsh, made from the command tree. */
export function zsh(program: Command): string {
  const nodes = flatten(program)
  const described = (name: string, description: string) =>
    quote(`${name.replace(/:/g, '\\:')}:${description}`)
  const values = valued(nodes).map(({ when, choices, file }) => {
    const reply = file ? '_files; ' : choices.length > 0 ? `compadd -- ${choices.join(' ')}; ` : ''
    return `    (${when.map(quote).join('|')}) ${reply}return ;;`
  })
  const cases = nodes.map(({ path, commands, words, options }) => {
    const plain = [...commands.map((child) => described(child.name, child.description)), ...words.map(quote)]
    const flags = options.flatMap((option) =>
      flagsOf(option).map((flag) => described(flag, option.description)),
    )
    return `    (${quote(path)}) plain=(${plain.join(' ')}); flags=(${flags.join(' ')}) ;;`
  })
  return `#compdef hai
_hai() {
  local at=hai i
  local -a plain flags
  for ((i = 2; i < CURRENT; i++)); do
    case "$at $words[i]" in
    (${deeper(nodes).map(quote).join('|')}) at="$at $words[i]" ;;
    esac
  done
  case "$at $words[CURRENT-1]" in
${values.join('\n')}
  esac
  case $at in
${cases.join('\n')}
  esac
  if [[ $words[CURRENT] == -* ]]; then _describe option flags
  elif (( $#plain )); then _describe command plain
  fi
}
if [[ $funcstack[1] == _hai ]]; then _hai "$@"; else compdef _hai hai; fi`
}

/** A completion script for fish, made from the command tree. */
export function fish(program: Command): string {
  const nodes = flatten(program)
  const lines = nodes.flatMap(({ path, commands, words, options }) => {
    const start = `complete -c hai -n ${quote(`__hai_at ${path}`)}`
    return [
      ...commands.map(({ name, description }) => `${start} -a ${name} -d ${quote(description)}`),
      ...words.map((word) => `${start} -a ${word}`),
      ...options.map((option) => {
        const names = `${option.short ? `-s ${option.short.slice(1)} ` : ''}-l ${option.long?.slice(2)}`
        const choices = option.argChoices ? ` -a ${quote(option.argChoices.join(' '))}` : ''
        const value = takesFile(option) ? ' -r -F' : takesValue(option) ? ` -x${choices}` : ''
        return `${start} ${names}${value} -d ${quote(option.description)}`
      }),
    ]
  })
  return `# fish completion for hai
function __hai_at
    set -l at hai
    for word in (commandline -opc)[2..]
        switch "$at $word"
            case ${deeper(nodes).map(quote).join(' ')}
                set at "$at $word"
        end
    end
    test "$at" = "$argv"
end
complete -c hai -f
${lines.join('\n')}`
}

function flatten(command: Command, above: Option[] = []): Node[] {
  const help = new Help()
  const path = [command.name()]
  for (let parent = command.parent; parent; parent = parent.parent) path.unshift(parent.name())
  const children = help.visibleCommands(command).filter((child) => child.name() !== 'help')
  const own = help.visibleOptions(command)
  const node: Node = {
    path: path.join(' '),
    commands: children.map((child) => ({ name: child.name(), description: child.description() })),
    words: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
    options: [...own, ...above],
  }
  const global = command.parent ? above : own.filter((option) => takesValue(option))
  return [node, ...children.flatMap((child) => flatten(child, global))]
}

/** Every `path word` that leads from one command into another. */
function deeper(nodes: Node[]): string[] {
  return nodes.slice(1).map((node) => node.path)
}

/** The options that take a value, each with the `path option` texts after which the value stands. */
function valued(nodes: Node[]): { when: string[]; choices: readonly string[]; file: boolean }[] {
  return nodes.flatMap(({ path, options }) =>
    options.filter(takesValue).map((option) => ({
      when: flagsOf(option).map((flag) => `${path} ${flag}`),
      choices: option.argChoices ?? [],
      file: takesFile(option),
    })),
  )
}

function flagsOf(option: Option): string[] {
  return [option.short, option.long].filter((flag) => flag !== undefined)
}

function takesValue(option: Option): boolean {
  return option.required || option.optional
}

function takesFile(option: Option): boolean {
  return option.flags.includes('<path>')
}

function wordsFrom(choices: readonly string[]): string {
  return choices.length > 0 ? `COMPREPLY=($(compgen -W ${quote(choices.join(' '))} -- "$cur")); ` : ''
}

function quote(text: string): string {
  return `'${text.replace(/'/g, "'\\''")}'`
}
