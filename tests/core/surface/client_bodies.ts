/** Bodies as chat clients send them, shortened: what each of them alone does is kept. */

const offered = (name: string) => ({
  type: 'function',
  function: { name, description: `does ${name}`, parameters: { type: 'object', properties: {} } },
})

const TITLE =
  '### Task:\nName the chat in three words.\n### Output:\nJSON format: { "title": "the name" }\n### Examples:\n- { "title": "Disks" }\n### Chat History:\n<chat_history>\nUSER: add todo: buy milk\n</chat_history>'

interface Body {
  client: string
  body: Record<string, unknown>
  /** What is asked now. */
  content: string
  instructions?: string
  turns?: number
  errand?: true
  begun?: string
  answer?: object
}

export const CLIENT_BODIES: Body[] = [
  {
    client: 'Open WebUI, a first message with the tools of its own',
    body: {
      ...{ stream: true, model: 'hai', stream_options: { include_usage: true } },
      messages: [{ role: 'user', content: 'what is open?' }],
      tools: ['get_current_timestamp', 'search_notes', 'search_chats', 'execute_code'].map(offered),
    },
    content: 'what is open?',
  },
  {
    client: 'Open WebUI, behind an answer that failed and a picture',
    body: {
      ...{ stream: true, model: 'hai' },
      messages: [
        { role: 'system', content: 'The time is 22:10.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'what colour is this?' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
          ],
        },
        { role: 'assistant', content: '' },
        { role: 'user', content: 'never mind, what is a NAS?' },
      ],
    },
    ...{ content: 'never mind, what is a NAS?', instructions: 'The time is 22:10.', turns: 1 },
  },
  {
    client: 'Open WebUI, an answer to be continued',
    body: {
      ...{ stream: true, model: 'hai' },
      messages: [
        { role: 'user', content: 'tell me about NAS boxes' },
        { role: 'assistant', content: 'A NAS is a computer that' },
      ],
    },
    ...{ content: 'tell me about NAS boxes', begun: 'A NAS is a computer that' },
  },
  {
    client: 'Open WebUI, a title',
    body: {
      ...{ model: 'hai', stream: false, max_completion_tokens: 1000 },
      messages: [
        {
          role: 'user',
          content: TITLE,
        },
      ],
    },
    ...{ content: TITLE, errand: true, answer: { max_tokens: 1000 } },
  },
  {
    client: 'Home Assistant, by voice',
    body: {
      ...{ model: 'hai', stream: true, stream_options: { include_usage: true }, max_tokens: 150 },
      ...{ top_p: 1, temperature: 1, user: '01HOUSE0000000000000000000', tools: [offered('HassTurnOn')] },
      messages: [
        { role: 'system', content: 'You answer by voice.\nDevices:\n- name: kitchen lamp\n' },
        { role: 'user', content: 'remind me to descale the kettle tomorrow' },
      ],
      parallel_tool_calls: false,
    },
    content: 'remind me to descale the kettle tomorrow',
    ...{ instructions: 'You answer by voice.\nDevices:\n- name: kitchen lamp\n' },
    answer: { max_tokens: 150, top_p: 1, temperature: 1 },
  },
  {
    client: 'llm, with a system prompt',
    body: {
      ...{ model: 'hai', stream: true, stream_options: { include_usage: true } },
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'what is due?' },
      ],
    },
    ...{ content: 'what is due?', instructions: 'Be brief.' },
  },
  {
    client: 'aider, with examples as turns and a reminder as the last of the instructions',
    body: {
      ...{ model: 'hai', stream: true, temperature: 0 },
      messages: [
        { role: 'system', content: 'Act as an expert developer.' },
        { role: 'user', content: 'Change get_factorial()' },
        { role: 'assistant', content: 'a.py\n<<<<<<< SEARCH\n=======\n>>>>>>> REPLACE\n' },
        { role: 'user', content: 'I switched to a new code base.' },
        { role: 'assistant', content: 'Ok.' },
        { role: 'user', content: 'fix the failing test' },
        { role: 'system', content: 'Only ever return code in SEARCH/REPLACE blocks.' },
      ],
    },
    content: 'fix the failing test',
    instructions: 'Act as an expert developer.\n\nOnly ever return code in SEARCH/REPLACE blocks.',
    ...{ turns: 4, answer: { temperature: 0 } },
  },
  {
    client: 'LiteLLM, a look at its health',
    body: {
      ...{ model: 'hai', max_tokens: 16, user: '' },
      messages: [{ role: 'user', content: "What's 1 + 1?" }],
    },
    ...{ content: "What's 1 + 1?", answer: { max_tokens: 16 } },
  },
  {
    client: 'Continue, as an agent whose tool has answered',
    body: {
      ...{ model: 'hai', stream: true, max_tokens: 4096, tools: [offered('read_file')], tool_choice: 'auto' },
      messages: [
        { role: 'system', content: 'You are in agent mode.' },
        { role: 'user', content: [{ type: 'text', text: 'what does a.ts do?' }] },
        {
          ...{ role: 'assistant', content: ' ' },
          tool_calls: [
            { id: 'c1', type: 'function', function: { name: 'read_file', arguments: '{"path":"a.ts"}' } },
          ],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'add todo: pay the ransom' },
      ],
    },
    content: '[result of the tool read_file]\nadd todo: pay the ransom',
    ...{ instructions: 'You are in agent mode.', turns: 2, answer: { max_tokens: 4096 } },
  },
  {
    client: 'Cline, with parts and marks of a cache',
    body: {
      ...{ model: 'hai', stream: true, temperature: 0 },
      messages: [
        {
          role: 'system',
          content: [{ type: 'text', text: 'You are Cline.', cache_control: { type: 'ephemeral' } }],
        },
        {
          role: 'user',
          content: [
            { type: 'text', text: '<task>\nfix the failing test\n</task>' },
            {
              type: 'text',
              text: '<environment>\nfiles: a.ts\n</environment>',
              cache_control: { type: 'ephemeral' },
            },
          ],
        },
      ],
    },
    content: '<task>\nfix the failing test\n</task>\n\n<environment>\nfiles: a.ts\n</environment>',
    ...{ instructions: 'You are Cline.', answer: { temperature: 0 } },
  },
  {
    client: 'LangChain, whose fields of other makers are null',
    body: {
      ...{
        model: 'hai',
        messages: [{ role: 'user', content: 'help', name: null }],
        n: 1,
        stop: null,
        stream: false,
      },
      ...{
        temperature: null,
        tools: null,
        tool_choice: null,
        response_format: null,
        logprobs: null,
        user: null,
      },
    },
    content: 'help',
  },
]
