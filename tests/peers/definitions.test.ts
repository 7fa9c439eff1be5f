import { describe, expect, it } from 'vitest'
import { crdCheck, crdsIn } from '../../cdk8s/checks/crds.ts'
import { ALL, aTree, objectIn } from '../cdk8s/configurations.ts'
import { WITHOUT_DEFINITION } from './kube/without-definition.ts'
import { peer } from './peer.ts'

const check = crdCheck(crdsIn(peer('HAI_PEER_DEFINITIONS')))

describe('the definitions of the custom resources, as their releases have them', () => {
  it.each(ALL)('are kept with $name', ({ input }) => {
    const { problems, uncovered, covered } = check(aTree(input))
    expect(problems).toEqual([])
    expect(uncovered.filter((kind) => !WITHOUT_DEFINITION.includes(kind.split(' ')[1]!))).toEqual([])
    expect(covered.length).toBeGreaterThan(6)
  })

  it('notice a value and a field that they refuse', () => {
    const tree = aTree()
    Object.assign(objectIn(tree, 'HTTPRoute', 'hai').spec as object, { hostnames: ['hai_x'] })
    Object.assign(objectIn(tree, 'Cluster', 'hai').spec as object, { instance: 3 })
    const said = check(tree).problems.map(({ where, what }) => `${where}: ${what}`)
    expect(said).toContainEqual(
      expect.stringContaining('HTTPRoute home/hai: /spec/hostnames/0 must match pattern'),
    )
    expect(said).toContain('Cluster databases/hai: /spec must NOT have additional properties (instance)')
  })
})
