/** Levels of a body that anybody has a use for; a few thousand overflow the stack of whoever walks through them. */
export const MOST_LEVELS = 200

const QUOTE = 34
const BACKSLASH = 92
const OPEN = new Set([91, 123])
const CLOSE = new Set([93, 125])

/** Whether JSON nests deeper than `MOST_LEVELS`, told without parsing it: in linear time and no stack. */
export function isTooDeep(json: string): boolean {
  let depth = 0
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at)
    if (code === QUOTE) at = endOfString(json, at)
    else if (OPEN.has(code)) {
      depth += 1
      if (depth > MOST_LEVELS) return true
    } else if (CLOSE.has(code)) depth -= 1
  }
  return false
}

function endOfString(json: string, start: number): number {
  let at = start + 1
  while (at < json.length && json.charCodeAt(at) !== QUOTE) at += json.charCodeAt(at) === BACKSLASH ? 2 : 1
  return at
}
