import { describe, expect, it } from 'vitest'
import { DatabaseFile } from '../../../cdk8s/charts/database.ts'
import { parseConfig } from '../../../cdk8s/config/read.ts'
import { aTree, objectIn, synthOf, WITH_BACKUP } from '../configurations.ts'

const database = (more: object) => ({ database: { kind: 'cluster', ...more } })
const clusterOf = (input: object = {}) =>
  synthOf(DatabaseFile, input).find(({ kind }) => kind === 'Cluster')!.spec as Record<string, unknown>
const kinds = (input: object = {}) =>
  aTree(input).entries.map(({ object }) => `${object.kind} ${object.metadata.name}`)

describe('a database of hai’s own', () => {
  it('is backed up when nothing is said, to a store of the operator’s own domain', () => {
    const [, store, backups] = synthOf(DatabaseFile)
    expect(store).toMatchObject({ kind: 'ObjectStore', metadata: { name: 'hai-backup' } })
    expect(store!.spec).toMatchObject({
      retentionPolicy: '30d',
      configuration: { destinationPath: 's3://hai-postgres/', endpointURL: `https://s3.\${SECRET_DOMAIN}` },
    })
    expect(backups).toMatchObject({
      kind: 'ScheduledBackup',
      metadata: { name: 'hai' },
      spec: { immediate: true, schedule: '0 0 3 * * *' },
    })
    expect(clusterOf().plugins).toEqual([
      {
        name: 'barman-cloud.cloudnative-pg.io',
        isWALArchiver: true,
        parameters: { barmanObjectName: 'hai-backup' },
      },
    ])
  })

  it('has none when that is said, and uses a store that is there when it is named', () => {
    const none = kinds(database({ backup: 'none' }))
    expect(none.filter((one) => /Backup|ObjectStore|hai-database-backup/.test(one))).toEqual([])
    expect(clusterOf(database({ backup: 'none' })).plugins).toBeUndefined()
    const theirs = database({ backup: { object_store: 'garage' } })
    expect(kinds(theirs).filter((one) => /ObjectStore|hai-database-backup/.test(one))).toEqual([])
    expect(clusterOf(theirs).plugins).toMatchObject([{ parameters: { barmanObjectName: 'garage' } }])
  })

  it('begins as what a backup holds, and archives under another name than the lost one', () => {
    const { bootstrap, externalClusters, plugins } = clusterOf(WITH_BACKUP)
    const origin = { barmanObjectName: 'hai-backup', serverName: 'hai' }
    expect(bootstrap).toEqual({
      recovery: {
        source: 'origin',
        database: 'hai',
        owner: 'hai',
        secret: { name: 'hai-database' },
        recoveryTarget: { targetTime: '2026-11-29T21:00:00Z' },
      },
    })
    expect(externalClusters).toMatchObject([{ name: 'origin', plugin: { parameters: origin } }])
    expect(plugins).toMatchObject([{ parameters: { ...origin, serverName: 'hai-2' } }])
  })

  it('has an image of one version, and of every acknowledged write a second copy where there is a second instance', () => {
    expect(clusterOf().imageName).toMatch(
      /^ghcr\.io\/cloudnative-pg\/postgresql:18\.\d+-\S+@sha256:[0-9a-f]{64}$/,
    )
    const durability = (instances: number) => clusterOf(database({ instances })).postgresql
    expect(durability(1)).toBeUndefined()
    expect(durability(2)).toEqual({ synchronous: { method: 'any', number: 1, dataDurability: 'preferred' } })
    expect(durability(3)).toEqual({ synchronous: { method: 'any', number: 1, dataDurability: 'required' } })
  })

  it('is left with all that it lives by when the rest is taken away', () => {
    for (const input of [{}, WITH_BACKUP, { database: { kind: 'existing', cluster: 'postgres' } }]) {
      const { entries } = aTree(input)
      const kept = entries.filter(({ file }) => file.includes('/database/'))
      const lost = kept.filter(
        ({ object: { metadata } }) =>
          metadata.annotations?.['kustomize.toolkit.fluxcd.io/prune'] !== 'disabled',
      )
      expect(lost.map(({ object }) => `${object.kind} ${object.metadata.name}`)).toEqual([])
      expect(kept.length).toBeGreaterThan(3)
    }
  })

  it.each([
    ['http://minio.storage.svc.cluster.local:9000', '9000'],
    ['https://s3.example.com', '443'],
    [`https://nas.\${SECRET_DOMAIN}:5001/`, '5001'],
    ['http://nas.example.com', '80'],
  ])('may reach its store at %s', (endpoint, port) => {
    const policy = objectIn(
      aTree(database({ backup: { endpoint } })),
      'CiliumNetworkPolicy',
      'hai-database-allow',
    )
    const { egress } = policy.spec as { egress: { toEntities?: string[] }[] }
    expect(egress).toContainEqual({
      toEntities: ['world'],
      toPorts: [{ ports: [{ port, protocol: 'TCP' }] }],
    })
  })
})

describe('what is said of backups', () => {
  const refusal = (more: object) => {
    try {
      parseConfig(database(more))
      return 'taken'
    } catch (error) {
      return (error as Error).message
    }
  }

  it.each([
    '0 0 3 * * *',
    '0 30 2 * * 0',
    '0 0 */6 * * *',
    '15,45 0 3 1-7 JAN-MAR sun',
    '0 0 3 ? * MON',
    '0 5/10 * * * *',
  ])('takes %s', (schedule) => {
    expect(refusal({ backup: { schedule, alert_hours: 8760 } })).toBe('taken')
  })

  // each of them CloudNativePG's admission refuses, or its schedule would never come
  it.each([
    '61 99 x y z q',
    '0 60 3 * * *',
    '0 0 24 * * *',
    '0 0 3 0 * *',
    '0 0 3 32 * *',
    '0 0 3 * 13 *',
    '0 0 3 * * 7',
    '0 0 3 * * 5-7',
    '0 0 3 L * *',
    '0 0 3 * * MON#2',
    '0 0 5-3 * * *',
    '0 0 */0 * * *',
    '0 0 0 31 2 *',
    '0 0 3 MON * *',
    '0 3 * * *',
    '0 0 3 * * * 2027',
    ' 0 0 3 * * *',
    '0  0 3 * * *',
    '@daily',
    '',
  ])('refuses %j', (schedule) => {
    expect(refusal({ backup: { schedule } })).toContain(
      'expected six fields, seconds first, like 0 0 3 * * *: ',
    )
  })

  it.each([
    [{ backup: 'no' }, 'database.backup: "no" is not accepted; expected none, or where to'],
    [{ backup: { destination: 'hai-postgres' } }, 'expected a bucket like s3://hai-postgres/'],
    [{ backup: { endpoint: 's3.example.com' } }, 'expected an address like https://s3.example.com'],
    [{ backup: { retention: '30 days' } }, 'expected days, weeks or months, like 30d'],
    [{ backup: { object_store: 'garage', retention: '7d' } }, 'expected nothing beside object_store'],
    [{ restore_from: {} }, 'database.restore_from.server_name is missing'],
    [{ restore_from: { server_name: 'hai' } }, 'say backup.server_name: hai-2'],
    [
      { backup: 'none', restore_from: { server_name: 'hai' } },
      'expected the ObjectStore that holds the backup',
    ],
    [
      { backup: { server_name: 'b' }, restore_from: { server_name: 'a', target_time: 'yesterday' } },
      'expected a time like 2026-11-29T21:00:00Z',
    ],
  ])('refuses %j', (more, said) => {
    expect(refusal(more)).toContain(said)
  })
})
