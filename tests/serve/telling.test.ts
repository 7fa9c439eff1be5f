import { describe, expect, it } from 'vitest'
import { BrokenOff, Telling } from '../../serve/telling.ts'

function told(strict = false) {
  const said: string[] = []
  return { said, telling: new Telling((more) => said.push(more), { strict }) }
}

const ANEW = '\n\n(the answer broke off; it begins anew)\n\n'

describe('an answer on its way to a client', () => {
  it('goes out in the pieces that came, and no part of it twice', () => {
    const { said, telling } = told()
    for (const text of ['It', 'It is', 'It is', 'It is well']) telling.grow(text)
    telling.end('It is well.')
    expect(said).toEqual(['It', ' is', ' well', '.'])
  })

  it('keeps what may not belong to it until more comes: blanks at the end, and half a character', () => {
    const { said, telling } = told()
    telling.grow('one \n')
    telling.grow('one \n\ud83d')
    telling.grow('one \n\ud83d\ude00 ')
    telling.end('one \n\ud83d\ude00 \n\n')
    expect(said).toEqual(['one', ' \n\ud83d\ude00'])
  })

  it('comes whole at the end where nothing of it was seen before', () => {
    const { said, telling } = told()
    telling.end('It is well.\n')
    expect(said).toEqual(['It is well.'])
  })

  it('is not said again by an attempt that says the same', () => {
    const { said, telling } = told()
    for (const text of ['It is', 'It', 'It is', 'It is well']) telling.grow(text)
    telling.end('It is well')
    expect(said).toEqual(['It is', ' well'])
  })

  it('begins anew, and says so, where another attempt says something else', () => {
    const { said, telling } = told()
    for (const text of ['It is w', 'It', 'It was', 'It was once']) telling.grow(text)
    telling.end('It was once.')
    expect(said).toEqual(['It is w', ANEW, 'It was', ' once', '.'])
  })

  it('begins anew where the answer turns out to be shorter than what was said', () => {
    const { said, telling } = told()
    telling.grow('It is well, and more')
    telling.end('It is well')
    expect(said).toEqual(['It is well, and more', ANEW, 'It is well'])
  })

  it('breaks off where it has a form: two beginnings are none of it', () => {
    const { said, telling } = told(true)
    telling.grow('{"a": 1')
    telling.grow('{"a"')
    expect(() => telling.grow('{"b"')).toThrow(BrokenOff)
    expect(said).toEqual(['{"a": 1'])
  })
})
