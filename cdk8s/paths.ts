import type { Config } from './config/config.ts'

/** The one folder that hai has in the operator's repository, from its root. */
export const homeFolder = ({ flux, namespace }: Config): string =>
  `${flux.path.replace(/^\.\//, '')}/${namespace}/hai`

/** The folder of one part, from the root of the repository. */
export const partFolder = (config: Config, part: string): string => `${homeFolder(config)}/${part}`

/** The line that the operator adds, and the file of his that it goes into. */
export const oneLine = ({ flux, namespace }: Config): { file: string; line: string } => ({
  file: `${flux.path.replace(/^\.\//, '')}/${namespace}/kustomization.yaml`,
  line: '  - ./hai/ks.yaml',
})
