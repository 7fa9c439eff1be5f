import { z } from 'zod'
import type { Part, Sql } from './db.ts'

/**
 * What people type, in the form in which it is stored. What is written down and what is looked for both pass here, so
 * that the two agree on case, on composed and decomposed letters, and on the sign in front.
 */
export const normal = (text: string): string => text.normalize('NFC').trim().toLowerCase()

/** A tag's letters, for patterns with the flag `u`; those of some scripts need marks beside them. */
export const TAG = '\\p{L}[\\p{L}\\p{M}\\p{N}_-]{0,49}'

const wholeTag = new RegExp(`^${TAG}$`, 'u')

/** A tag as it is stored, from one typed in any case, with or without #. */
export const Tag = z
  .string()
  .transform((text) => normal(text).replace(/^#/, ''))
  .pipe(z.string().regex(wholeTag, 'expected a tag such as rack'))

/** The name of a source, an agent or a member: all of them are stored as slugs. */
export const Slug = z.string().transform(normal).pipe(withoutNul())

const isName = (conversation: string) => conversation.startsWith('#')

/** A conversation's id as it is, its `#name` as names are stored. */
export const conversationKey = (text: string): string => (isName(text.trim()) ? normal(text) : text.trim())

/** Only what says so by its form begins a conversation: `#rack-move`. */
export const isConversationName = (text: string): boolean => /^#\S/u.test(text)

/** Whatever names something by a text of its own. */
export const Id = z.string().pipe(withoutNul())

/** Text to look for. */
export const Text = z.string().trim().min(1).max(200).pipe(withoutNul())

/** Postgres can't hold it, so that nothing that is stored has it. */
function withoutNul() {
  return z.string().refine((text) => !text.includes('\0'), 'expected text without NUL characters')
}

/**
 * What has to be in a text that is looked for: each word, or what stands in double quotes, in any order. Nothing in it is
 * a sign: `100%`, `_x`, `€20` and `c++` are looked for as they are.
 */
export function termsOf(text: string): string[] {
  const terms = text.match(/"[^"]*[^"\s][^"]*"|\S+/gu) ?? []
  return terms.map((term) => term.replace(/^"(.+)"$/su, '$1').trim())
}

/**
 * The condition that each of the terms is part of one of these texts, whatever its case. Cases are worked out here: what
 * Postgres knows of them depends on the locale that a server was made with.
 */
export function contains(sql: Sql, texts: Part, terms: string[]) {
  return terms.reduce((all, term) => sql`${all} and concat_ws(e'\\n', ${texts}) ~ ${patternOf(term)}`, sql``)
}

function patternOf(term: string): string {
  return term.split(/\s+/u).map(wordPattern).join('\\s+')
}

/** As it was typed, and composed. */
function wordPattern(word: string): string {
  const [typed, composed] = [word, word.normalize('NFC')].map((form) => [...form].map(letter).join(''))
  return typed === composed ? typed! : `(?:${typed}|${composed})`
}

/** One character in all the forms in which it may have been written. */
function letter(char: string): string {
  const cases = [char, char.toLowerCase(), char.toUpperCase()]
  const forms = new Set(cases.flatMap((form) => [form, form.normalize('NFD')]))
  const written = [...forms].map((form) => form.replace(/[!-/:-@[-`{-~]/gu, '\\$&'))
  return written.length === 1 ? written[0]! : `(?:${written.join('|')})`
}
