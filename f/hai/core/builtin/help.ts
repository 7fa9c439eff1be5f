import type { Intent } from './intent.ts'
import { plain, whole } from './utterance.ts'

const HELP = whole(
  'help(?: me)?|what can you do(?: for me)?|what can i (?:ask|say)(?: you)?|what do you understand|what are you able to do',
)

/** The intent that tells what the others are for, by their own examples. */
export function helpIntent(others: readonly Intent<object>[]): Intent<object> {
  return {
    name: 'help',
    examples: ['help', 'what can you do?'],

    match(said) {
      return HELP.test(plain(said)) ? {} : undefined
    },

    async run() {
      const lines = others.map(({ name, examples }) => `  ${name}: ${examples.join(' · ')}`)
      return { text: ['Without a model I can', ...lines, 'The commands: hai --help'].join('\n') }
    },
  }
}
