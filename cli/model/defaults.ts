/** What is written for a backend that is enabled by its name alone. Prices change, so the operator adds them himself. */
export interface BackendSettings {
  kind: string
  billing: string
  api_key?: string
  models: Record<string, Record<string, number>>
}

/** Tokens that each may be given. */
const CLAUDE: Record<string, Record<string, number>> = {
  'claude-sonnet-4-5': { context: 200_000 },
  'claude-haiku-4-5': { context: 200_000 },
}

const BACKENDS: Record<string, BackendSettings & { first: string }> = {
  anthropic: {
    kind: 'anthropic',
    billing: 'metered',
    api_key: '$env:ANTHROPIC_API_KEY',
    models: CLAUDE,
    first: 'claude-sonnet-4-5',
  },
  'claude-code': {
    kind: 'claude-code',
    billing: 'subscription',
    // its own choice
    models: { default: {} },
    first: 'default',
  },
}

/** Names that can be enabled without saying more. */
export const KNOWN_BACKENDS = Object.keys(BACKENDS)

/** The settings by which a known backend answers with one model, its own first one when none is named. */
export function settingsOf(backend: string, model?: string): BackendSettings | undefined {
  const known = BACKENDS[backend]
  if (!known) return undefined
  const { first, models, ...rest } = known
  const chosen = model ?? first
  return { ...rest, models: { [chosen]: models[chosen] ?? {} } }
}
