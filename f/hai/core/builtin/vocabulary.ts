/** Words that the patterns share, as parts of them: each matches what people call the same thing. */

export const TODO = '(?:to-?do|to do|reminder)'
export const TODOS = '(?:todos|to-dos|to dos|todo items|reminders)'
/** A todo by what it was called in passing: `the dishes one`, `the fan todo`. */
export const MARKER = '(?:todo|to-do|to do|one|thing|task|item|reminder|entry|job)'
export const WHOSE = '(?:my|the|our)'
export const LIST = '(?:(?:(?:to-?do|to do|task) )?list|to-?dos|to dos|tasks|reminders|plate)'
export const TASKS = '(?:tasks|jobs|things|runs)'
export const QUOTED = '(?:"[^"]+"|“[^”]+”)'

/** What a todo begins with where nothing else says that it is one. A verb that people mostly ask of a model is left out. */
const VERBS = `
  answer apply arrange assemble ask back backup bake bleach book borrow bring brush buy call cancel change charge check
  clean clear collect contact cook cut decalcify declutter defrost deliver descale dig dispose do drain drill drop dry
  dust email empty exchange feed fetch fill file fix flash flip get give glue go groom grease hang have hoover install
  insure invite iron label lay let lock look lubricate mail make measure meet mend message mop mount mow oil order
  organise organize pack paint patch pay phone pick pickle plan plant plug polish post prepare print prune pull pump
  purge put raise rake reboot recharge recycle refill refund register renew rent reorder repair replace reply reserve
  resilver restart restock return reword ring rotate rsync run save schedule scrub seal sell send service set sew sharpen
  ship shop sign snapshot sort spray sterilise store submit swap sweep switch sync take talk tell test text tidy tighten
  top transfer trim try turn unblock uninstall unplug update upgrade vacuum verify visit walk wash water weed wipe wire
  wrap write`

/** As it stands in a pattern, for words before it to end there. */
export const IMPERATIVE = `(?:${VERBS.trim().split(/\s+/).join('|')})\\b`
const IMPERATIVES = new Set(VERBS.trim().split(/\s+/))

/** Whether it begins as a todo does: `call mum`, `back up the photos`. */
export const isImperative = (text: string): boolean =>
  IMPERATIVES.has(text.toLowerCase().match(/^[\s"“]*(\p{L}+)/u)?.[1] ?? '')

const ASKS =
  /\?|^(?:how|what|why|which|when|where|who|whose|whether|if|is|are|does|do i|can i|should)\b|[:,;]\s*(?:how|what|why|which|when|where|who|can|could|tell|explain|should|does|is)\b|\b(?:why|how come|and tell me|what's wrong)\b/i

/** Whether it wants an answer, or is about something that a model is to do with it. */
export const asksSomething = (text: string): boolean => ASKS.test(text)

/** Words that point at something said elsewhere: by themselves they don't say what they are about. */
export const POINTS_ELSEWHERE =
  /^(?:it|this|that|these|those|them|everything|something|anything|all|both|an? (?:new )?(?:todo|to-do|reminder|item|task|note))\b/i
