/** What the operator merges into files of his own, each with the words that tell him where. */
export interface Snippet {
  file: string
  /** Lines of the comment on top. */
  merge: string[]
  content: object
}
