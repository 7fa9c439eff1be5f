/** How a piece of text looks; bits, as they add up. */
export const BOLD = 1
export const ITALIC = 2
export const STRIKE = 4
export const CODE = 8
export const LINK = 16

/** A piece of a line that looks the same all through. `href`: where it leads; safe to put into an escape sequence. */
export interface Run {
  text: string
  look: number
  href?: string
}

export interface InlineLook {
  /** Marks of emphasis and code stay: nothing else would show them. */
  marks: boolean
  /** The terminal knows links. */
  links: boolean
}
