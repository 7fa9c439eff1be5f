import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { problemsOf } from '../../../cdk8s/checks/all.ts'
import { aTree } from '../configurations.ts'

describe('exposure', () => {
  const gateway = { name: 'external' }

  it('to the internet names its gateway, and the tunnel’s entry where one is needed', () => {
    const tunnel = 'https://envoy-external.network.svc:443'
    const tree = aTree({ exposure: 'external', external: { tunnel }, gateway })
    const { content } = { content: parse(tree.files.get(`${tree.home}/operator/cloudflared.yaml`)!) }
    const host = `hai.\${SECRET_DOMAIN}`
    expect(content.ingress).toEqual([
      { hostname: host, service: tunnel, originRequest: { originServerName: host } },
    ])
    expect(problemsOf(tree)).toEqual([])
    expect([...aTree({ exposure: 'external', gateway }).files.keys()].join()).not.toContain('cloudflared')
  })

  it.each([
    [{ exposure: 'external' }, 'gateway.name'],
    [{ exposure: 'public' }, 'exposure: "public" is not accepted'],
    [{ external: {} }, 'external: {} is not accepted; expected nothing with exposure: internal'],
    [{ exposure: 'external', gateway, external: { tunnel: 'tcp://x' } }, 'external.tunnel'],
  ])('is refused when it contradicts itself: %j', (input, expected) => {
    expect(() => aTree(input)).toThrow(expected)
  })
})
