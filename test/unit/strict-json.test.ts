import { describe, expect, it } from 'vitest'
import { checkStrictJson, VALUES_MAX } from '../../src/lib/strict-json.ts'

describe('a body', () => {
  it.each(['{}', '[]', '0', '{"a":0}'])('of more values than memory has room for is refused: %s', (value) => {
    const text = `[${Array(VALUES_MAX + 1).fill(value)}]`
    expect(checkStrictJson(text)).toEqual({ ok: false, error: 'it has more than 250000 values' })
  })

  it('of one value less is not', () => {
    expect(checkStrictJson(`[${Array(VALUES_MAX - 1).fill('0')}]`).ok).toBe(true)
  })

  it('has no values within its strings', () => {
    expect(checkStrictJson(JSON.stringify(',[{'.repeat(VALUES_MAX))).ok).toBe(true)
  })
})
