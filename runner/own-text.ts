/** The text as a string of its own: a piece of a longer one, such as of a request's address, keeps all of that in memory. */
export function ownText(text: string): string {
  return Buffer.from(text).toString()
}
