/** The answer as Markdown, which Windmill shows; or how the task stands and where its answer will be. */
export async function main(task: { id: string; state: string; output?: string; next_step?: string }) {
  const { id, state, output, next_step } = task
  if (output !== undefined) return { markdown: output }
  return {
    markdown: `Task \`${id}\` is ${state}. Its answer will be at \`${next_step}\`, or run \`f/hai/task/result\` with this id.`,
  }
}
