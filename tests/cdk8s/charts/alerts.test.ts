import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { FrontDoorProbe } from '../../../cdk8s/charts/alerts.ts'
import { parseConfig } from '../../../cdk8s/config/read.ts'
import { aTree, MATRIX, objectIn, synthOf, WITH_BACKUP } from '../configurations.ts'

const trees = [{ name: 'defaults', input: {} }, { name: 'backups', input: WITH_BACKUP }, ...MATRIX].map(
  ({ name, input }) => [name, aTree(input)] as const,
)

describe.each(trees)('with %s', (_name, tree) => {
  it('takes no image of ours from Docker Hub, where a stranger is turned away after some', () => {
    const images = JSON.stringify(tree.entries).match(/"image(Name)?":"[^"]+"/g) ?? []
    expect(images.length).toBeGreaterThan(0)
    for (const image of images) {
      // a name without a registry is one of Docker Hub's too
      expect(image).toMatch(/:"[a-z0-9-]+(\.[a-z0-9-]+)+\//)
      expect(image).not.toMatch(/:"(docker\.io|registry-1\.docker\.io|index\.docker\.io)\//)
    }
  })

  it('says the labels by which Prometheus selects on all that it is to find, and those of its routes on each alert', () => {
    const { rule_labels, object_labels } = tree.config.monitoring
    const found = tree.entries.filter(({ object }) =>
      ['PrometheusRule', 'PodMonitor', 'Probe'].includes(object.kind),
    )
    expect(found.length).toBeGreaterThanOrEqual(2)
    for (const { object } of found) expect(object.metadata.labels).toMatchObject(object_labels)
    const rules = found.flatMap(
      ({ object }) => (object.spec as { groups?: { rules: object[] }[] }).groups ?? [],
    )
    for (const rule of rules.flatMap((group) => group.rules))
      expect(rule).toMatchObject({ labels: rule_labels })
  })

  it('lets Grafana out to the database', () => {
    const { spec } = objectIn(tree, 'CiliumNetworkPolicy', 'hai-grafana')
    expect(spec).toMatchObject({
      endpointSelector: { matchLabels: tree.config.dashboard.grafana_pods },
      enableDefaultDeny: { egress: false },
      egress: [{ toPorts: [{ ports: [{ port: '5432', protocol: 'TCP' }] }] }],
    })
  })

  it('has one data source: for Grafana’s operator an object, for its chart values', () => {
    const objects = tree.entries.filter(({ object }) => object.kind === 'GrafanaDatasource')
    const values = [...tree.files.keys()].filter((file) => file.endsWith('/grafana-values.yaml'))
    const operator = tree.config.dashboard.delivery === 'grafana-operator'
    expect([objects.length, values.length]).toEqual(operator ? [1, 0] : [0, 1])
    // the password is named and not written, and without braces, which Flux would fill in
    const text = JSON.stringify([objects, values.map((file) => tree.files.get(file))])
    expect(text).toMatch(/password\W+\$HAI_READER_PASSWORD\b/)
    expect(text).not.toContain('${HAI_READER')
  })

  it('tells PostgreSQL’s exporter what to ask', () => {
    const { data } = objectIn(tree, 'ConfigMap', 'hai-metrics') as unknown as { data: Record<string, string> }
    const { hai_drift } = parse(data['queries.yaml']!)
    expect(hai_drift.target_databases).toEqual(['hai'])
    const { database } = tree.config
    const theirs = [...tree.files].find(([file]) => file.endsWith('/postgres-cluster.yaml'))
    const asked =
      database.kind === 'existing'
        ? parse(theirs![1]).spec
        : (objectIn(tree, 'Cluster', 'hai').spec as object)
    expect(asked).toMatchObject({
      monitoring: { customQueriesConfigMap: [{ name: 'hai-metrics', key: 'queries.yaml' }] },
    })
  })
})

describe('what is said of monitoring', () => {
  it.each([
    [{ rule_labels: { severity: 'page' } }, 'expected another name: each alert says that itself'],
    [{ rule_labels: { 'my-team': 'home' } }, 'expected the name of a Prometheus label'],
    [{ object_labels: { release: 'a b' } }, 'expected a label’s value'],
    [{ object_labels: { '-release': 'a' } }, 'expected the name of a label'],
    [{ probe: { prober: 'https://blackbox' } }, 'expected host:port'],
    [{ drift_hours: 0 }, 'monitoring.drift_hours: 0'],
  ])('refuses %j', (monitoring, said) => {
    expect(() => parseConfig({ monitoring })).toThrow(said)
  })

  it('is a look at the front door when there is a blackbox exporter, at a path that answers a stranger', () => {
    const of = (more: object) => synthOf(FrontDoorProbe, { ...WITH_BACKUP, ...more })[0]!.spec
    expect(synthOf(FrontDoorProbe)).toEqual([])
    expect(of({})).toMatchObject({ targets: { staticConfig: { static: ['https://hai.example.com/ping'] } } })
    expect(of({ edge: { kind: 'envoy-extauth' } })).toMatchObject({
      targets: { staticConfig: { static: ['https://hai.example.com/'] } },
    })
  })
})
