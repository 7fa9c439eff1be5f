/** A text as one word of a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** The same where it needs quotes, else as it is. */
export const asWord = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : quoted(word))
