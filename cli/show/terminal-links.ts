type Env = Record<string, string | undefined>

/** Programs that show links, by what they set `TERM_PROGRAM` to. */
const PROGRAMS = new Set([
  'iTerm.app',
  'WezTerm',
  'ghostty',
  'vscode',
  'Hyper',
  'rio',
  'WarpTerminal',
  'Tabby',
])
const TERMS = /^(?:xterm-kitty|xterm-ghostty|alacritty|foot|contour|wezterm|rio)/
/** Since when the terminals of GNOME and its kin show links rightly. */
const VTE_SINCE = 5200

/**
 * Whether the terminal is one that makes a link of an OSC 8 sequence. What it does not know of it says no: within tmux
 * and screen nothing tells what the terminal around them does. `FORCE_HYPERLINK` decides for good, as elsewhere.
 */
export function linksKnown(env: Env): boolean {
  const { FORCE_HYPERLINK: forced, TERM: term = '', TERM_PROGRAM: program = '' } = env
  if (forced !== undefined) return forced !== '0'
  if (env.TMUX || env.STY || /^(?:tmux|screen|dumb|linux)/.test(term) || env.CI) return false
  if (PROGRAMS.has(program) || TERMS.test(term)) return true
  if (env.WT_SESSION || env.KITTY_WINDOW_ID || env.KONSOLE_VERSION || env.DOMTERM) return true
  return Number(env.VTE_VERSION ?? 0) >= VTE_SINCE
}
