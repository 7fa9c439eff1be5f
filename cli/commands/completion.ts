import { Argument, type Command, Help, type Option } from 'commander'
import type { Suggested } from '../call/suggestions.ts'
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
  /** What its arguments are looked up among. */
  cached: Cached | undefined
  options: Option[]
}

/** A file that hai keeps for the shell, see ../call/suggestions.ts. */
type Cached = Suggested | 'profiles'

/** A completion script for bash, made from the command tree. */
export function bash(program: Command): string {
  const nodes = flatten(program)
  const values = valued(nodes).map(({ when, choices, file, cached }) => {
    const reply = file
      ? 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); '
      : cached
        ? `_hai_cached ${cached}; `
        : wordsFrom(choices)
    return `    ${when.map(quote).join('|')}) ${reply}return ;;`
  })
  const cases = nodes.map(({ path, commands, words, cached, options }) => {
    const plain = [...commands.map(({ name }) => name), ...words].join(' ')
    const more = cached ? ` cached=${cached}` : ''
    return `    ${quote(path)}) plain=${quote(plain)} flags=${quote(options.flatMap(flagsOf).join(' '))}${more} ;;`
  })
  const mixed = mixedOf(nodes)
  return `# bash completion for hai; try it with: source <(hai completion bash)
# What was seen last, from its own file: no program is started, and nothing of it is run.
_hai_cached() {
  local dir=\${XDG_STATE_HOME:-$HOME/.local/state}/hai/completion at=\${HAI_PROFILE-} i value text typed=$cur
  for ((i = 1; i < \${#words[@]} - 1; i++)); do [[ \${words[i]} == --profile ]] && at=\${words[i + 1]}; done
  if [[ -z $at && -r $dir/profile ]]; then IFS=$'\\t' read -r at text < "$dir/profile"; fi
  local file=$dir/\${at:-local}/$1 quoted= values=() shown=() case
  [[ $1 == profiles ]] && file=$dir/profiles
  case $typed in [\\'\\"]*) quoted=1 typed=\${typed:1} ;; \\\\*) typed=\${typed:1} ;; esac
  [[ -r $file ]] || return 0
  shopt -q nocasematch && case=-s || case=-u
  shopt -s nocasematch
  while IFS=$'\\t' read -r value text; do
    [[ $value == "$typed"* ]] || continue
    [[ -n $quoted ]] || printf -v value %q "$value"
    # readline takes what is before a colon for a word of its own
    if [[ $typed == *:* && $COMP_WORDBREAKS == *:* ]]; then value=\${value#"\${typed%"\${typed##*:}"}"}; fi
    values+=("$value") shown+=("$value\${text:+  ($text)}")
  done < "$file"
  shopt $case nocasematch
  # the texts are for reading: of one value, and where a key goes through all, only the value is taken
  if ((\${#values[@]} == 1)) || [[ \${COMP_TYPE-} == 37 || \${COMP_TYPE-} == 42 ]]; then COMPREPLY=("\${values[@]}")
  else COMPREPLY=("\${shown[@]}"); fi
}
_hai() {
  local at=hai plain= flags= cached= i n=0 cur prev words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    # what bash parts at = and : is one word, or an option and its value
    if [[ \${COMP_WORDS[i]} == : ]] && ((n > 1)); then
      words[n - 1]+=:
      ((i < COMP_CWORD)) && words[n - 1]+=\${COMP_WORDS[++i]}
    elif [[ \${COMP_WORDS[i]} != '=' || $i == "$COMP_CWORD" ]]; then words[n++]=\${COMP_WORDS[i]#=}; fi
  done
  cur=\${words[n - 1]} prev=\${words[n - 2]}
  for ((i = 1; i < \${#words[@]} - 1; i++)); do
    case "$at \${words[i]}" in
    ${deeper(nodes).map(quote).join('|')}) at="$at \${words[i]}" ;;
    esac
  done
  COMPREPLY=()
  case "$at $prev" in
${values.join('\n')}
  esac
  case "$at" in
${cases.join('\n')}
  esac
  if [[ $cur == -* ]]; then plain=$flags
  elif [[ -n $cached && ( -z $plain || $prev == "\${at##* }" ) ]]; then _hai_cached "$cached"
    case "$at" in ${mixed}) ;; *) return ;; esac
  fi
  COMPREPLY+=($(compgen -W "$plain" -- "$cur"))
}
complete -F _hai hai`
}

/** A completion script for zsh, made from the command tree. */
export function zsh(program: Command): string {
  const nodes = flatten(program)
  const described = (name: string, description: string) =>
    quote(`${name.replace(/:/g, '\\:')}:${description}`)
  const values = valued(nodes).map(({ when, choices, file, cached }) => {
    const some = choices.length > 0 ? `compadd -- ${choices.join(' ')}; ` : ''
    const reply = file ? '_files; ' : cached ? `_hai_cached ${cached}; ` : some
    return `    (${when.map(quote).join('|')}) ${reply}return ;;`
  })
  const cases = nodes.map(({ path, commands, words, cached, options }) => {
    const plain = [...commands.map((child) => described(child.name, child.description)), ...words.map(quote)]
    const flags = options.flatMap((option) =>
      flagsOf(option).map((flag) => described(flag, option.description)),
    )
    const more = cached ? ` cached=${cached}` : ''
    return `    (${quote(path)}) plain=(${plain.join(' ')}); flags=(${flags.join(' ')})${more} ;;`
  })
  const mixed = mixedOf(nodes)
  return `#compdef hai
# What was seen last, from its own file: no program is started.
_hai_cached() {
  local dir=\${XDG_STATE_HOME:-$HOME/.local/state}/hai/completion at=\${HAI_PROFILE-} i line text
  local -a values lines
  for ((i = 2; i < CURRENT; i++)); do [[ $words[i] == --profile && $((i + 1)) -lt $CURRENT ]] && at=$words[i+1]; done
  if [[ -z $at && -r $dir/profile ]]; then IFS=$'\\t' read -r at line < $dir/profile; fi
  local file=$dir/\${at:-local}/$1
  [[ $1 == profiles ]] && file=$dir/profiles
  [[ -r $file ]] || return 1
  lines=(\${(f)"$(<$file)"})
  for line in $lines; do
    text=\${line#*$'\\t'}
    values+=("\${\${line%%$'\\t'*}//:/\\\\:}\${text:+:$text}")
  done
  _describe -V $1 values -M 'm:{a-zA-Z}={A-Za-z}'
}
_hai() {
  local at=hai cached= i
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
  elif [[ -n $cached && ( $#plain -eq 0 || $words[CURRENT-1] == \${at##* } ) ]]; then
    case $at in (${mixed}) _describe command plain ;; esac
    _hai_cached $cached
  elif (( $#plain )); then _describe command plain
  fi
}
if [[ $funcstack[1] == _hai ]]; then _hai "$@"; else compdef _hai hai; fi`
}

/** A completion script for fish, made from the command tree. */
export function fish(program: Command): string {
  const nodes = flatten(program)
  const lines = nodes.flatMap(({ path, commands, words, cached, options }) => {
    const start = `complete -c hai -n ${quote(`__hai_at ${path}`)}`
    return [
      ...commands.map(({ name, description }) => `${start} -a ${name} -d ${quote(description)}`),
      ...words.map((word) => `${start} -a ${word}`),
      ...(cached ? [`${start} -k -a '(__hai_cached ${cached})'`] : []),
      ...options.map((option) => {
        const names = `${option.short ? `-s ${option.short.slice(1)} ` : ''}-l ${option.long?.slice(2)}`
        const looked = cachedOf(path, option)
        const choices = looked
          ? ` -k -a '(__hai_cached ${looked})'`
          : option.argChoices
            ? ` -a ${quote(option.argChoices.join(' '))}`
            : ''
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
# What was seen last, from its own file.
function __hai_cached
    set -l state $XDG_STATE_HOME
    test -n "$state"; or set state $HOME/.local/state
    set -l dir $state/hai/completion
    set -l at $HAI_PROFILE
    set -l words (commandline -opc)
    for i in (seq (count $words))
        test "$words[$i]" = --profile; and test $i -lt (count $words); and set at $words[(math $i + 1)]
    end
    test -z "$at"; and test -r $dir/profile; and read -d \\t at rest <$dir/profile
    test -n "$at"; or set at local
    set -l file $dir/$at/$argv[1]
    test $argv[1] = profiles; and set file $dir/profiles
    test -r $file; or return 0
    while read -l line
        echo $line
    end <$file
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
    cached: lookedUp(
      path.join(' '),
      command.registeredArguments[0]?.argChoices ? '' : (command.registeredArguments[0]?.name() ?? ''),
    ),
    options: [...own, ...above],
  }
  const global = command.parent ? above : own.filter((option) => takesValue(option))
  return [node, ...children.flatMap((child) => flatten(child, global))]
}

/** Commands that have verbs and take a value too, as a pattern. */
const mixedOf = (nodes: Node[]): string =>
  nodes
    .flatMap(({ path, commands, cached }) => (cached && commands.length > 0 ? [quote(path)] : []))
    .join('|') || "''"

/** Every `path word` that leads from one command into another. */
function deeper(nodes: Node[]): string[] {
  return nodes.slice(1).map((node) => node.path)
}

/** The options that take a value, each with the `path option` texts after which the value stands. */
function valued(
  nodes: Node[],
): { when: string[]; choices: readonly string[]; file: boolean; cached: Cached | undefined }[] {
  return nodes.flatMap(({ path, options }) =>
    options.filter(takesValue).map((option) => ({
      when: flagsOf(option).map((flag) => `${path} ${flag}`),
      choices: option.argChoices ?? [],
      file: takesFile(option),
      cached: cachedOf(path, option),
    })),
  )
}

/** What an argument, or an option's value, of this name is looked up among: ids are of what the command is about. */
function lookedUp(path: string, name: string): Cached | undefined {
  const [, noun, verb] = path.split(' ')
  if (name === 'id') return noun !== 'todo' ? 'tasks' : verb === 'reopen' ? 'closed' : 'todos'
  if (name === 'name' && noun === 'profile') return verb === 'add' ? undefined : 'profiles'
  const KINDS: Record<string, Cached> = {
    conversation: 'conversations',
    tag: 'tags',
    model: 'models',
    backend: 'backends',
    profile: 'profiles',
  }
  return KINDS[name]
}

function cachedOf(path: string, option: Option): Cached | undefined {
  if (!takesValue(option) || option.argChoices) return undefined
  const name =
    option.long === '--profile' ? 'profile' : option.long === '--model' ? 'model' : valueName(option)
  // a server that is added has models which nobody has seen
  return path.endsWith('model add') && name === 'model' ? undefined : lookedUp(path, name)
}

/** `tag` of `--tag <tag>`. */
const valueName = ({ flags }: Option) => /[<[]([\w-]+)/.exec(flags)?.[1] ?? ''

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
