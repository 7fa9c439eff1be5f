type Value = string | number | boolean | null | Value[] | { [key: string]: Value }

/**
 * A value as block YAML that YAML 1.1 and 1.2 read alike and a strict yamllint takes: text is plain where no reader can
 * mistake it, else in double quotes; a text of several lines is a literal block. The libraries choose single quotes for
 * some text, and take longer over it than all the rest of a synth.
 */
export function yamlText(value: object): string {
  return `${block(value as Value, '').trimStart()}\n`
}

/** Below a key or a dash: on the same line for scalars, on lines of their own for the rest. */
function block(value: Value, indent: string): string {
  if (typeof value !== 'object' || value === null) return ` ${scalar(value, indent)}`
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []'
    return value.map((item) => `\n${indent}-${afterDash(item, `${indent}  `)}`).join('')
  }
  const entries = Object.entries(value)
  if (entries.length === 0) return ' {}'
  return entries.map(([key, inner]) => `\n${indent}${text(key)}:${block(inner, `${indent}  `)}`).join('')
}

/** The first line of a map or list stands beside the dash. */
const afterDash = (item: Value, indent: string): string => {
  const written = block(item, indent)
  return written.startsWith('\n') ? ` ${written.slice(1 + indent.length)}` : written
}

function scalar(value: string | number | boolean | null, indent: string): string {
  if (typeof value !== 'string') return String(value)
  return isBlock(value) ? literal(value, indent) : text(value)
}

/** What a literal block can hold: lines that end with one line feed, and begin with no space. */
const isBlock = (value: string): boolean =>
  /^[\x21-\x7e][\t\x20-\x7e\u00a0-\ud7ff\n]*[^\s]\n$/.test(value) && /\n./.test(value)

const literal = (value: string, indent: string): string =>
  `|${value
    .slice(0, -1)
    .split('\n')
    .map((line) => (line === '' ? '\n' : `\n${indent}${line}`))
    .join('')}`

/** Begins with a letter, $, / or ./, and has nothing that means something in YAML. */
const PLAIN = /^(\.?\/|[A-Za-z$])([\w./$(){}@+=;%^*!?<>~|&", -]|:(?! |$))*$/
const AMOUNT = /^[1-9]\d{0,5}(ms|s|m|h|Mi|Gi|Ti)$/
/** Words that some reader takes for a truth, nothing, or a number. */
const WORD = /^(true|false|yes|no|on|off|null|y|n|e[-+]?\d+)$/i

const text = (value: string): string =>
  AMOUNT.test(value) || (PLAIN.test(value) && !WORD.test(value) && !value.endsWith(' '))
    ? value
    : JSON.stringify(value)
