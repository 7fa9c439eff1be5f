/**
 * A key under which a server takes a call once, however often it arrives. It must be new, not secret; node:crypto would
 * cost a twentieth of the start-up time.
 */
export function newKey(): string {
  const random = () => Math.random().toString(36).slice(2)
  return `${Date.now().toString(36)}-${random()}${random()}`
}
