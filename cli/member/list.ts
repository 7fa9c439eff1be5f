import type { Session } from '../session.ts'
import { table } from '../show/table.ts'
import { Accounts } from './accounts.ts'
import { household, isOver, type MembersToken, tokensOfAll } from './members.ts'
import { asJson, endText, usedText } from './token.ts'

/** Prints who may call, and how it stands with everybody's tokens. */
export async function list(session: Session, json = false): Promise<undefined> {
  const { members, error } = await household(session)
  const { tokens, unseen } = await tokensOfAll(await Accounts.of(session), members)
  const of = (name: string) => tokens.filter(({ member }) => member === name)
  const isUnseen = (name: string) => unseen.members.includes(name)
  const all = Object.entries(members)
  if (json) {
    session.printJson({
      members: all.map(([name, { role, usernames }]) => {
        return { name, role, usernames, tokens: isUnseen(name) ? null : of(name).map(asJson) }
      }),
    })
  } else {
    const rows = all.map(([name, { role, usernames }]) => {
      return [name, role, usernames.join(', '), ...(isUnseen(name) ? ['?', '', ''] : tokenCells(of(name)))]
    })
    const header = [
      { title: 'NAME' },
      { title: 'ROLE' },
      { title: 'USER', spare: 2 },
      { title: 'TOKENS', right: true },
      { title: 'EXPIRES' },
      { title: 'LAST USED', spare: 1 },
    ]
    session.print(
      ...(await table(header, rows, { columns: session.columns, title: session.paint.dim, headings: true })),
    )
  }
  if (unseen.members.length > 0) session.warn(`the tokens of ${unseen.members.join(', ')}: ${unseen.why}`)
  if (error) session.warn(error)
}

/** How many tokens of a member are valid, when the first of them ends, and when one was last used. */
function tokenCells(tokens: MembersToken[]): string[] {
  const good = tokens.filter((token) => !isOver(token))
  const ending = good.filter(({ expiration }) => expiration)
  const [first] = ending.toSorted((a, b) => Date.parse(a.expiration!) - Date.parse(b.expiration!))
  const [last] = tokens.toSorted((a, b) => Date.parse(b.last_used_at) - Date.parse(a.last_used_at))
  const [any] = good
  return [
    String(good.length),
    first ? endText(first) : any ? endText(any) : '',
    last && usedText(last) !== 'never' ? usedText(last) : good.length > 0 ? 'never' : '',
  ]
}
