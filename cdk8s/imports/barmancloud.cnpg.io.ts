import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s'
import type { Construct } from 'constructs'

/** As `cdk8s import` writes it, with the fields that are used. */
export class ObjectStore extends ApiObject {
  static readonly GVK: GroupVersionKind = { apiVersion: 'barmancloud.cnpg.io/v1', kind: 'ObjectStore' }

  constructor(scope: Construct, id: string, props: ObjectStoreProps) {
    super(scope, id, { ...ObjectStore.GVK, ...props })
  }
}

export interface ObjectStoreProps {
  readonly metadata: ApiObjectMetadata
  readonly spec: ObjectStoreSpec
}

export interface ObjectStoreSpec {
  readonly retentionPolicy: string
  readonly configuration: {
    readonly destinationPath: string
    readonly endpointURL: string
    readonly s3Credentials: { readonly accessKeyId: SecretKey; readonly secretAccessKey: SecretKey }
    readonly wal: { readonly compression: 'gzip' }
    readonly data: { readonly compression: 'gzip' }
  }
}

export interface SecretKey {
  readonly name: string
  readonly key: string
}
