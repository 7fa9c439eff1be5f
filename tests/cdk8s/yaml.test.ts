import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { yamlText } from '../../cdk8s/yaml.ts'
import fc from '../support/fast-check.ts'

const awkward = fc.constantFrom(
  ...[
    '',
    ' ',
    'yes',
    'No',
    'on',
    'null',
    '~',
    '0755',
    '1e3',
    '1:30',
    '12:30:45',
    '.5',
    '0x1f',
    '2026-11-22',
    '=',
    'e+0',
    'E-12',
    '<<',
  ],
  ...[
    '- a',
    'a: b',
    'a #b',
    '#a',
    '{{ .x }}',
    '[a]',
    '*a',
    '&a',
    '!a',
    '%a',
    '@a',
    '`a`',
    "it's",
    'say "so"',
    'a:',
  ],
  ...[
    'line\n',
    'two\nlines\n',
    'two\n\nlines\n',
    '  indented\nlines\n',
    'no end\nhere',
    'tab\there',
    'cr\rhere',
    'é😀\u2028',
  ],
  ...[
    '5m',
    '300s',
    '10Gi',
    '$__interval',
    `hai.\${SECRET_DOMAIN}`,
    '/oauth2/callback',
    'trailing ',
    '...',
    '---',
  ],
)
const scalar = fc.oneof(awkward, fc.string(), fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean())
const key = fc.oneof(awkward, fc.string()).filter((name) => name !== '__proto__' && name !== '<<')
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}))

describe('YAML as it is written', () => {
  it('is read back as what it was, by readers of YAML 1.1 and of 1.2', () => {
    fc.assert(
      fc.property(fc.array(value), (object) => {
        const text = yamlText({ object })
        expect(parse(text, { version: '1.2', maxAliasCount: 0 })).toEqual({ object })
        expect(parse(text, { version: '1.1', maxAliasCount: 0 })).toEqual({ object })
      }),
      { numRuns: 1500 },
    )
  })

  it('is what a person would write', () => {
    const object = {
      host: `hai.\${SECRET_DOMAIN}`,
      port: '8000',
      timeouts: { request: '300s' },
      rules: [{ matches: [{ path: '/inbox', method: 'POST' }], none: [] }, ['a', 'yes']],
      'watchdog.sh': 'set -eu\n\necho "$body"\n',
      selector: {},
    }
    expect(yamlText(object)).toBe(`host: hai.\${SECRET_DOMAIN}
port: "8000"
timeouts:
  request: 300s
rules:
  - matches:
      - path: /inbox
        method: POST
    none: []
  - - a
    - "yes"
watchdog.sh: |
  set -eu

  echo "$body"
selector: {}
`)
  })
})

describe('a reason', () => {
  it('stands above its field, above an item of a list by the item’s name or number, and changes nothing', () => {
    const object = {
      spec: {
        env: [
          { value: '1', name: 'A' },
          { value: '2', name: 'B' },
        ],
        rules: [{ a: 1 }],
      },
    }
    const text = yamlText(object, {
      'spec.env.B': 'why B',
      'spec.rules.0': 'why the first',
      spec: 'why all',
    })
    expect(text).toBe(`# why all
spec:
  env:
    - name: A
      value: "1"
    # why B
    - name: B
      value: "2"
  rules:
    # why the first
    - a: 1
`)
    expect(parse(text)).toEqual(object)
  })

  it('for a field that is not there is a mistake', () => {
    expect(() => yamlText({ spec: {} }, { 'spec.gone': 'why' })).toThrow('spec.gone, which is no field')
  })
})
