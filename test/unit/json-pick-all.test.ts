import { describe, expect, it } from 'vitest'
import { EACH, pickAll, pickNames } from '../../src/lib/json-pick.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

describe('values of every item', () => {
  it('come in their order, one for each place', () => {
    const json = bytes(
      '{"a": 1, "items": [ {"id": "x"} , {"name": [{"id": 1}], "id": 2}, {"id": null}, {"id": true} ] }',
    )
    expect(pickAll(json, ['items', EACH, 'id'], 4)).toEqual(['x', 2, null, true])
  })

  it('come of lists in lists', () => {
    const json = bytes('[[1, 2], [], [[3], 4], 5]')
    expect(pickAll(json, [EACH, EACH], 9)).toEqual([1, 2, undefined, 4, undefined])
    expect(pickAll(json, [2, EACH], 9)).toEqual([undefined, 4])
  })

  it('are undefined where there is none', () => {
    expect(pickAll(bytes('[{"a": 1}, {"b": 2}, {"a": {}}, "a", null]'), [EACH, 'a'], 9)).toEqual([
      1,
      ...Array.from({ length: 4 }, () => undefined),
    ])
    expect(pickAll(bytes('{"a": {}}'), ['a', EACH, 'b'], 9)).toEqual([undefined])
    expect(pickAll(bytes('{}'), ['a', EACH], 9)).toEqual([undefined])
    expect(pickAll(bytes('[]'), [EACH], 9)).toEqual([])
  })

  it('are one where the path names one', () => {
    expect(pickAll(bytes('{"a": [7]}'), ['a', 0], 1)).toEqual([7])
    expect(pickAll(bytes('8'), [], 1)).toEqual([8])
  })

  it('are as many as asked for, or not given at all', () => {
    expect(pickAll(bytes('[1, 2]'), [EACH], 2)).toEqual([1, 2])
    expect(pickAll(bytes('[1, 2, 3]'), [EACH], 2)).toBeUndefined()
  })

  it.each(['[', '[1', '[1,', '[1 2]', '[1,]', '[{"a": 1}', '[{"a": 1]', '[[1]'])('are not given of %s', (text) => {
    expect(pickAll(bytes(text), [EACH], 9)).toBeUndefined()
  })
})

describe('names of members', () => {
  it('come in their order, no more than asked for', () => {
    const json = bytes(' { "a": [1, {"x": 2}] , "b\\u0041": "{" , "c": {} , "d": 4 } ')
    expect(pickNames(json, 9)).toEqual(['a', 'bA', 'c', 'd'])
    expect(pickNames(json, 2)).toEqual(['a', 'bA'])
  })

  it.each(['', '{}', '[]', '"a"', '{"a"', '{a: 1}', '\ufeff{}'])('are none of %s', (text) => {
    expect(pickNames(bytes(text), 9)).toEqual([])
  })

  it('are those before the text breaks off', () => {
    expect(pickNames(bytes('{"a": 1, "b": [1'), 9)).toEqual(['a', 'b'])
  })
})
