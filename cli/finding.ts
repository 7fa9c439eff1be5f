/** What a check found; `fix` is the next command or act. */
export interface Finding {
  what: string
  verdict: 'good' | 'bad' | 'unsure'
  text: string
  fix?: string
}
