/** Node ends a process whose promise rejects with nobody waiting for it: one such mistake would end everybody's jobs. */
export function outliveRejections(log: (line: string) => void): void {
  process.on('unhandledRejection', (error) => {
    log(`a mistake of the runner's own: ${error instanceof Error ? error.stack : error}`)
  })
}
