export function isThere(): boolean
export function startDebian(): Promise<{ url: string; stop(): Promise<void> }>
