import type { Config } from './config/config.ts'

const BUILT_IN = ['v1', 'apps/v1', 'batch/v1']

/** Where editors find the schema of an object. */
export function schemaUrl(
  { schemas }: Config,
  { apiVersion, kind }: { apiVersion: string; kind: string },
): string {
  const name = kind.toLowerCase()
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion]
  if (!BUILT_IN.includes(apiVersion)) return `${schemas.custom}/${group}/${name}_${version}.json`
  const short = group ? `${group.split('.')[0]}-` : ''
  return `${schemas.kubernetes}/${name}-${short}${version}.json`
}
