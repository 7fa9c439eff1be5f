/**
 * The answer as Markdown, which Windmill shows; or how the task stands and where its answer will be. The task comes as a
 * text of JSON: in an object, Windmill would read an answer that begins like `$var:…` as a reference to a secret.
 */
export async function main(task: string) {
  const { id, state, output, next_step } = JSON.parse(task) as Task
  if (output !== undefined) return { markdown: output }
  return {
    markdown: `Task \`${id}\` is ${state}. Its answer will be at \`${next_step}\`, or run \`f/hai/task/result\` with this id.`,
  }
}

interface Task {
  id: string
  state: string
  output?: string
  next_step?: string
}
