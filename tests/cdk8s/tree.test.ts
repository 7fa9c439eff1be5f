import { describe, expect, it } from 'vitest'
import { problemsOf } from '../../cdk8s/checks/all.ts'
import { hasKubectl, kustomized, yamlStyle } from '../../cdk8s/checks/files.ts'
import { ALL, aTree, ELSEWHERE } from './configurations.ts'

interface Policy {
  endpointSelector: { matchLabels: Record<string, string> }
  enableDefaultDeny: { ingress: boolean; egress: boolean }
}

describe.each(ALL)('the manifests with $name', ({ input }) => {
  const tree = aTree(input)

  it('hold together: references, selectors, variables, hosts, no secrets', () => {
    expect(problemsOf(tree)).toEqual([])
  })

  it('are the YAML that a strict linter takes', () => {
    expect(yamlStyle(tree)).toEqual([])
  })

  it("isolate hai's own pods and nobody else's", () => {
    const policies = tree.entries.filter(({ object }) => object.kind === 'CiliumNetworkPolicy')
    const isolating = tree.config.network_policy.style === 'default-deny'
    for (const { object } of policies) {
      const { endpointSelector, enableDefaultDeny } = object.spec as Policy
      const name = endpointSelector.matchLabels['app.kubernetes.io/name'] ?? 'database'
      const ours = name.startsWith('hai-') || (name === 'database' && tree.config.database.kind === 'cluster')
      expect(enableDefaultDeny, object.metadata.name).toEqual(
        ours ? { ingress: isolating, egress: isolating } : { ingress: false, egress: false },
      )
    }
    expect(policies.length).toBeGreaterThan(3)
  })
})

it.runIf(hasKubectl())('are built by kubectl kustomize, folder by folder', () => {
  expect(kustomized(aTree())).toEqual([])
  expect(kustomized(aTree({ ...ELSEWHERE, edge: { kind: 'envoy-extauth' } }))).toEqual([])
})

it('come out the same to the byte, however often', () => {
  expect(aTree(ELSEWHERE).files).toEqual(aTree(ELSEWHERE).files)
})
