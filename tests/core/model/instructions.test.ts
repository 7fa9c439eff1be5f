import { describe, expect, it } from 'vitest'
import { ownInstructions } from '../../../f/hai/core/model/instructions.ts'
import { buildPrompt, promptTokens } from '../../../f/hai/core/model/prompt.ts'

describe('what hai tells a model of itself', () => {
  const at = (time: string, zone = 'Pacific/Auckland') => ownInstructions(zone, new Date(time))

  it('is the day where the asker is, the zone, and the commands', () => {
    const said = at('2026-11-22T11:30:00Z')
    expect(said).toContain('Today is Mon 23 Nov 2026, time zone Pacific/Auckland.')
    expect(said).toContain('hai todo ls')
    expect(at('2026-11-22T11:30:00Z', 'America/Toronto')).toContain('Today is Sun 22 Nov 2026')
  })

  it('stays the same all day, so that a server knows how a conversation begins', () => {
    expect(at('2026-11-22T11:00:00Z')).toBe(at('2026-11-23T10:59:59Z'))
    expect(at('2026-11-23T11:00:00Z')).not.toBe(at('2026-11-23T10:59:59Z'))
  })

  it('goes by the zone of whoever asks, and takes little of a window', () => {
    const fit = { window: 4096, known: true, ratio: 1, said: 1, output: 1024 }
    const asked = { content: 'why?', context: [], time_zone: 'Asia/Tokyo' }
    const [system] = buildPrompt(asked, [], fit).messages
    expect(system).toMatchObject({ role: 'system', content: expect.stringContaining('time zone Asia/Tokyo') })
    expect(promptTokens([system!]).most).toBeLessThan(200)
  })
})
