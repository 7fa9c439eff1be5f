/**
 * What hai's scripts read of a worker's own environment: the names for WHITELIST_ENVS of each worker group that runs them,
 * here and on a server. The settings may name more, by `$env:NAME`. Proxies are not among them: a worker hands its own on.
 */
export const WHITELIST = [
  // the database; for hai's own scripts
  'HAI_DATABASE_URL',
  // where a day begins, when the budget does not say
  'HAI_TIME_ZONE',
  // of Claude Code, and whether Anthropic's API is offered
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_BASE_URL',
  'OLLAMA_HOST',
  // authorities of the house's own, for every connection
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
]
