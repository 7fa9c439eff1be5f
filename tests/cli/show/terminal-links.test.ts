import { expect, it } from 'vitest'
import { linksKnown } from '../../../cli/show/terminal-links.ts'

it.each([
  [{ TERM: 'xterm-256color' }, false],
  [{ TERM: 'xterm-256color', VTE_VERSION: '7600' }, true],
  [{ TERM: 'xterm-256color', VTE_VERSION: '4900' }, false],
  [{ TERM: 'xterm-kitty' }, true],
  [{ TERM: 'alacritty' }, true],
  [{ TERM: 'xterm-256color', TERM_PROGRAM: 'iTerm.app' }, true],
  [{ TERM: 'xterm-256color', TERM_PROGRAM: 'Apple_Terminal' }, false],
  [{ TERM: 'xterm-256color', WT_SESSION: 'x' }, true],
  [{ TERM: 'tmux-256color', TERM_PROGRAM: 'tmux', VTE_VERSION: '7600' }, false],
  [{ TERM: 'screen', STY: '1.x' }, false],
  [{ TERM: 'dumb', VTE_VERSION: '7600' }, false],
  [{ TERM: 'tmux-256color', FORCE_HYPERLINK: '1' }, true],
  [{ TERM: 'xterm-kitty', FORCE_HYPERLINK: '0' }, false],
])('of %j it is known: %s', (env, known) => {
  expect(linksKnown(env)).toBe(known)
})
