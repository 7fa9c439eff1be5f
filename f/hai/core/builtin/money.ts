import { shortId } from '../base/ids.ts'
import { count, dollars } from '../base/words.ts'
import { spentText, tokensText } from '../cost/amount_text.ts'
import { costReport } from '../cost/report.ts'
import { taskCost } from '../cost/task_cost.ts'
import { STATES } from '../task/shape.ts'
import type { Days } from './days.ts'
import { asked, type Intent, whole } from './grammar.ts'
import { lastTask } from './last_task.ts'
import { pastDays } from './past_period.ts'
import { namedTask } from './task_reference.ts'

const WHEN = '(?: (?<when>.+))?'
const MUST_WHEN = ' (?<when>.+)'
const WE = '(?:i|we|you|it|hai|this|this thing|all this|all of this)'
/** What the money went to: all that hai knows of is models. */
const MODELS =
  '(?:models?|llms?|the (?:models?|llms?|ai|apis?)|ai(?: models?| calls?)?|apis?|api calls|tokens|claude|anthropic|openai|cloud models?|inference|prompts?|questions|calls|you|hai)'
const ON = `(?: (?:on|for|to|in|with|using|by) ${MODELS})?`
const ON_END = new RegExp(`${ON}$`)
const COST =
  '(?:costs?|spend(?:ing|ings)?|expenses?|bill|usage costs?|charges|burn(?: rate)?|expenditure|money spent|damage)'
const OF_AI = "(?:(?:ai|llm|model|api|claude|hai|total|overall|token|current)(?:'s)? )*"

const SPENT = [
  `how much(?: money| cash| in total| all together| altogether)? (?:have|has|did|do|does|are|is|am) ${WE} (?:been )?(?:spent|spend|spending|cost|costing|burn|burned|burnt|burning|blow|blown|use up|used up|paid|pay|rack up|racked up|go through|gone through)${ON}${WHEN}`,
  `how much(?: money| cash)?(?: (?:was|is|got|has been|did i get))? (?:spent|billed|charged|burned|burnt)${ON}${WHEN}`,
  `(?:what|how much)(?: money)? (?:did|do|does|has|have) ${MODELS} (?:cost|costed|charged?|billed?|set)(?: me| us)?(?: back)?${WHEN}`,
  `how much(?: money| cash)? (?:went|has gone|goes|did go|gone)(?: (?:to|on|into) ${MODELS})${WHEN}`,
  `what (?:have|has|did|do|does) ${WE} (?:spent|spend|cost|paid|pay|rack up|racked up|burn|burned)${ON}(?: me| us)?${ON}${WHEN}`,
  `(?:what is|what was|what were|what are|how much is|how high is|how big is|how much was|show)? ?(?:my |our |the |your )?${OF_AI}${COST}${ON}(?: so far)?${WHEN}`,
  `(?<when>today|yesterday|this week|last week|this month|last month|this year)(?:'s|s)? ${OF_AI}${COST}`,
  `(?:what is|what was|how much is|how high is|show)? ?(?<when>today|yesterday|this week|last week|this month|last month)(?:'s| is|s)? ${OF_AI}${COST}`,
  `${OF_AI}(?:cost|costs|spend|spending|bill)${MUST_WHEN}`,
  `(?:did|have) i (?:spend|spent) (?:anything|any money|money|much|a lot)${ON}${WHEN}`,
  `how expensive (?:was|is|were) (?:my |the )?(?<when>today|yesterday|this week|last week|this month|last month)(?: so far)?`,
  `(?:what|how much) (?:did|has|does) (?<when>today|yesterday|this week|last week|this month|last month) cost(?: me| us)?(?: so far)?`,
].map(whole)

export const spentIntent: Intent<{ days: Days }> = {
  name: 'what was spent',
  examples: ['how much did I spend today?', 'what is my AI bill for november?'],

  match(said, clock) {
    for (const pattern of SPENT) {
      const groups = asked([pattern], said)
      const days = groups && pastDays((groups.when ?? '').replace(ON_END, '').trim() || 'today', clock)
      if (days) return { days }
    }
    return undefined
  },

  async run(sql, { days }, { caller }) {
    const { since, until } = days
    const report = await costReport(sql, { since, until, by: ['model'] }, caller)
    const { total, caps } = report
    const range = since === until ? since : `${since} to ${until}`
    const calls = `${count(total.calls, 'call')}, ${tokensText(total)}`
    const dear = report.by.model!.filter(({ known_usd }) => known_usd > 0).slice(0, 3)
    const left =
      days.label === 'today' ? caps.find(({ per, period }) => per === 'all' && period === 'day') : undefined
    const lines = [
      `${spentText(total)} ${days.label} (${range}, ${report.zone}): ${calls}`,
      ...(dear.length > 1
        ? [dear.map(({ key, known_usd }) => `${key} ${dollars(known_usd)}`).join(' · ')]
        : []),
      ...(left ? [`${dollars(Math.max(0, left.left))} of the day's ${dollars(left.limit)} are left`] : []),
      `more: hai cost --since ${since} --until ${until}`,
    ]
    return { text: lines.join('\n'), data: { since, until, zone: report.zone, total } }
  },
}

const ONE = '(?:one|question|answer|task|ask|call|request|reply|prompt|run|chat|message|query|response|job)'
const THAT = `(?:it|that|this|that one|this one|the last one|(?:that|this|the|my) (?:very )?(?:last |latest |previous |most recent )?${ONE})`
const LAST_COST = [
  `(?:and )?(?:what|how much)(?: money| in total)? did ${THAT} (?:just )?(?:cost|set me back|come to|run me|use|take)(?: me| us)?`,
  `(?:what|how much)(?: money)? did (?:you|i|we) (?:just )?(?:charge|pay|spend|burn|bill|get charged|use)(?: me| us)?(?: (?:for|on|with) ${THAT})`,
  `(?:what|how much)(?: money)? did (?:you|i|we) just (?:charge|pay|spend|burn|bill|get charged|use)(?: me| us)?`,
  `(?:what|how much) (?:was|were|is) (?:the (?:cost|price|bill|damage|charge) (?:of|for) )?${THAT}(?: (?:just|worth))?`.replace(
    'what|how much',
    'how much',
  ),
  `(?:what (?:was|is) )?(?:the |its )?(?:cost|price|bill|damage|charge) (?:of|for) ${THAT}`,
  `(?:what (?:was|is) )?(?:the |its )(?:cost|price)`,
  `(?:was|is) ${THAT} (?:an? )?(?:very |too |that |so |really )?(?:expensive|cheap|costly|pricey|dear|free)(?: one| question| answer)?`,
  `how (?:expensive|costly|pricey|dear|cheap) (?:was|is) ${THAT}`,
  `(?:did|does) ${THAT} cost (?:me |us )?(?:anything|money|something|much|a lot)`,
  `how many tokens (?:did|has|was|were) ${THAT}(?: (?:just|use|used|take|taken|cost|need|burn|eat|consume))*`,
  `how many tokens did (?:you|i|we) (?:just )?(?:use|burn|need)(?: (?:for|on) ${THAT})?`,
  `${THAT} (?:cost|was) how much`,
  `what (?:do|did|have) i (?:owe|owed)(?: you)?(?: for ${THAT})`,
].map(whole)

export const lastCostIntent: Intent<object> = {
  name: 'what the last question cost',
  examples: ['what did that cost?', 'how many tokens did that use?'],

  match(said) {
    return asked(LAST_COST, said) ? {} : undefined
  },

  async run(sql, _slots, asker) {
    const task = await lastTask(sql, STATES, asker)
    if (!task) return { text: 'no model has been asked yet, so nothing has cost anything', data: null }
    const { total } = await taskCost(sql, { id: task.id }, asker.caller)
    const what =
      total.calls === 0 ? 'no model was asked' : `${count(total.calls, 'call')}, ${tokensText(total)}`
    const text = `${spentText(total)} for ${namedTask(task)}: ${what}\nmore: hai cost task ${shortId(task.id)}`
    return { text, data: { id: task.id, total } }
  },
}
