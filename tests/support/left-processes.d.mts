export function gateFolder(): Promise<string>
export function runFolder(gate: string): string
export function endLeft(folder: string, patienceMs?: number): Promise<string[]>
