export function once(
  name: string,
  recipe: unknown,
  build: (folder: string) => void | Promise<void>,
): Promise<{ folder: string; ms: number }>
