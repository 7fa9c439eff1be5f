/** What the installer put into this variable. */
export function peer(variable: string): string {
  const value = process.env[variable]
  if (!value) throw new Error(`${variable} is not set: run this with npm run test:peers`)
  return value
}
