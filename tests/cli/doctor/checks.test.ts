import { expect, it } from 'vitest'
import { driftFinding, nodeFinding } from '../../../cli/doctor/checks.ts'

const HOUR = 3_600_000

it.each([
  ['20.19.0', 'good'],
  ['20.20.2', 'good'],
  ['20.18.9', 'bad'],
  ['22.13.1', 'good'],
  ['22.9.0', 'bad'],
  ['21.7.3', 'bad'],
  ['23.11.0', 'bad'],
  ['24.0.0', 'good'],
  ['25.1.0', 'good'],
  ['18.20.8', 'bad'],
])('knows whether hai runs on Node %s', (version, verdict) => {
  const found = nodeFinding(version, '^20.19.0 || ^22.13.0 || >=24.0.0')
  expect(found).toMatchObject({ what: 'node', verdict })
  if (verdict === 'bad')
    expect(found.fix).toBe('install Node 20 from 20.19.0, 22 from 22.13.0, any from 24.0.0')
})

const reported = (hours: number, more: object = {}) =>
  driftFinding({
    kind: 'windmill',
    target: 'home on https://windmill.example.com',
    compared: 90,
    differences: 0,
    examples: [],
    reported_by: 'ci',
    reported_at: new Date(Date.now() - hours * HOUR).toISOString(),
    ...more,
  })

it('is good as long as somebody compares and finds nothing', () => {
  expect(reported(2)).toMatchObject({
    what: 'drift of windmill',
    verdict: 'good',
    text: '90 things of home on https://windmill.example.com, all as in Git (ci, 2 h ago)',
  })
})

it('doubts when the last look is long ago, and says how to look', () => {
  expect(reported(72)).toMatchObject({ verdict: 'unsure', fix: 'npm run drift -- --report' })
  expect(reported(72, { kind: 'cluster' })).toMatchObject({ fix: 'hai gitops status --report' })
})

it('is bad when something differs, and names it', () => {
  const one = reported(2, { differences: 1, examples: ['changed: script f/hai/inbox'] })
  expect(one).toMatchObject({ verdict: 'bad', fix: 'npm run drift, then npm run deploy' })
  expect(one.text).toContain(
    '1 difference at home on https://windmill.example.com (ci, 2 h ago): changed: script f/hai/inbox',
  )
  const many = reported(2, {
    differences: 22,
    examples: Array.from({ length: 20 }, (_, i) => `changed: script f/hai/a${i}`),
  })
  expect(many.text).toMatch(/^22 differences .* and 2 more$/)
})
