/** What the settings take for a field that the look fills; synth has the last word. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/
const ENDPOINT = /^https?:\/\/([a-z0-9-]+\.)*(\$\{[A-Z][A-Z0-9_]*\}|[a-z0-9-]+)(:[1-9]\d{0,4})?\/?$/
const PATH = /^\.(\/(?!\.{1,2}(\/|$))[\w.-]+)+$/
const LABEL_VALUE = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/

const text = (shape: RegExp) => (value: unknown) => typeof value === 'string' && shape.test(value)
const all = (takes: (value: unknown) => boolean) => (value: unknown) => (value as unknown[]).every(takes)

const FIELDS: Record<string, (value: unknown) => boolean> = {
  'database.storage_class': text(SUBDOMAIN),
  'secrets.store': text(SUBDOMAIN),
  'flux.source_name': text(SUBDOMAIN),
  'flux.path': text(PATH),
  'flux.substitute_from': all((one) => {
    const { kind, name } = one as Record<string, unknown>
    return text(/^(Secret|ConfigMap)$/)(kind) && text(SUBDOMAIN)(name)
  }),
  'database.backup.endpoint': text(ENDPOINT),
  'dashboard.instance_labels': (value) => Object.values(value as object).every(text(LABEL_VALUE)),
  'edge.trusted_proxies': all(network),
}

export const isLabel = text(LABEL)
export const isSubdomain = text(SUBDOMAIN)
export const isPort = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536

/** Whether a field takes what was found for it. */
export const isTaken = (field: string, value: unknown): boolean =>
  /(^|[._])namespace$/.test(field) ? isLabel(value) : (FIELDS[field]?.(value) ?? true)

/** An IPv4 network with nothing set beyond its length. */
function network(value: unknown): boolean {
  const [address = '', length = ''] = String(value).split('/')
  const bytes = address.split('.').map(Number)
  if (bytes.some((byte) => byte > 255) || Number(length) < 1 || Number(length) > 32) return false
  const bits = bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return !bits.slice(Number(length)).includes('1')
}
