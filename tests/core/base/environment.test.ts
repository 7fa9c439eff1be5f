import { describe, expect, it } from 'vitest'
import { ollamaUrl } from '../../../f/hai/core/base/environment.ts'

describe('OLLAMA_HOST', () => {
  it.each([
    [undefined, 'http://127.0.0.1:11434'],
    ['', 'http://127.0.0.1:11434'],
    ['  ', 'http://127.0.0.1:11434'],
    ['nas', 'http://nas:11434'],
    ['nas.example.com', 'http://nas.example.com:11434'],
    ['192.0.2.7', 'http://192.0.2.7:11434'],
    ['nas:8080', 'http://nas:8080'],
    [':8080', 'http://127.0.0.1:8080'],
    ['"nas:8080"', 'http://nas:8080'],
    ['0.0.0.0', 'http://127.0.0.1:11434'],
    ['0.0.0.0:8080', 'http://127.0.0.1:8080'],
    ['[::]:8080', 'http://127.0.0.1:8080'],
    ['::1', 'http://[::1]:11434'],
    ['[::1]', 'http://[::1]:11434'],
    ['[::1]:8080', 'http://[::1]:8080'],
    ['http://nas:11434/', 'http://nas:11434'],
    ['https://nas:11434', 'https://nas:11434'],
    ['https://example.com/ollama/', 'https://example.com/ollama'],
  ])('%j is called at %s', (given, url) => {
    expect(ollamaUrl(given)).toBe(url)
  })

  it('with a scheme and no port means the scheme’s own port, as Ollama has it', () => {
    expect(ollamaUrl('http://nas')).toBe('http://nas')
    expect(ollamaUrl('https://nas')).toBe('https://nas')
  })

  it.each(['nas:port', 'not a host', 'nas:99999'])('%j is refused by name and value', (given) => {
    expect(() => ollamaUrl(given)).toThrow(
      `OLLAMA_HOST is ${JSON.stringify(given)}; expected a host, host:port or a URL`,
    )
  })
})
