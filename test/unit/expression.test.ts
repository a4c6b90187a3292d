import { describe, expect, it } from 'vitest'
import { compileExpression, evaluateExpression } from '../../src/lib/expression.ts'

const message = { type: 'invoice.paid', data: { amount: 250, lines: [{ sku: 'a' }, { sku: 'b' }] }, headers: {} }

async function evaluate(source: string, input: unknown = message) {
  const expression = compileExpression(source)
  if (!expression.ok) throw new Error(expression.error.message)
  return evaluateExpression(expression.value, input)
}

describe('expressions', () => {
  it.each([
    ['data.amount > 100', true],
    ['type = "invoice.paid" and data.amount < 100', false],
    ['{ "event": type, "skus": data.lines.sku }', { event: 'invoice.paid', skus: ['a', 'b'] }],
    ['data.missing', undefined],
    ['type ~> /^invoice\\./', true],
    ['$replace(type, /(\\w+)\\.(\\w+)/, "$2 $1")', 'paid invoice'],
    ['$match(type, /[a-z]+/).match', ['invoice', 'paid']],
    ['$distinct([1, 2, 1])', [1, 2]],
    ['$pad("x", 3)', 'x  '],
    ['$string({"a": 1})', '{"a":1}'],
  ])('evaluates %s', async (source, value) => {
    const result = await evaluate(source)
    if (typeof value === 'boolean' && result.ok) expect(Boolean(result.value)).toBe(value)
    else expect(result).toEqual({ ok: true, value })
  })

  it('says where an expression cannot be read', () => {
    expect(compileExpression('data.amount >')).toMatchObject({ ok: false, error: { message: expect.any(String) } })
    expect(compileExpression('a'.repeat(9000))).toMatchObject({ ok: false })
  })

  it.each([
    ['endless recursion', '($f := function($n) { 1 + $f($n) }; $f(1))', ['too_deep', 'too_many_steps']],
    ['endless tail calls', '($f := function($n) { $f($n) }; $f(1))', ['too_many_steps', 'too_deep']],
    ['nested loops', '$map([1..9999], function($a) { $map([1..9999], function($b) { $a * $b }) })', ['too_many_steps']],
    ['a huge range', '[1..9999999]', ['too_large']],
    ['padding without end', '$pad("x", 1000000000)', ['too_large']],
    [
      'a text that doubles',
      '($d := function($s, $n) { $n = 0 ? $s : $d($s & $s, $n - 1) }; $d("xxxxxxxx", 40))',
      ['too_large'],
    ],
    [
      'a value that doubles',
      '($d := function($v, $n) { $n = 0 ? $v : $d([[$v], [$v]], $n - 1) }; $d([1], 40))',
      ['too_large', 'too_deep'],
    ],
    ['a type error', 'data.amount + type', ['failed']],
  ])('stops at %s', async (_name, source, reasons) => {
    const result = await evaluate(source)
    expect(result.ok).toBe(false)
    if (!result.ok) expect(reasons).toContain(result.error.reason)
  })

  it.each(['$eval("1")', '$now()', '$millis()', '$random()', '$shuffle([1, 2])'])(
    'refuses %s when it is saved',
    (source) => {
      expect(compileExpression(source)).toMatchObject({
        ok: false,
        error: { message: expect.stringContaining('is not available here') },
      })
    },
  )

  it('matches in time that grows with the text alone', async () => {
    const result = await evaluate('$contains(text, /^(a+)+$/)', { text: `${'a'.repeat(50_000)}!` })
    expect(result).toEqual({ ok: true, value: false })
  })

  it('gives no way to the prototypes of JavaScript', async () => {
    await evaluate('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}')
    await evaluate('data ~> |$|{"__proto__": {"polluted": true}}|')
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    expect(await evaluate('constructor.constructor("return 1")()')).toEqual({ ok: true, value: undefined })
  })

  it('counts every evaluation by itself', async () => {
    const source = '$sum($map([1..9000], function($a) { $a }))'
    const results = await Promise.all(Array.from({ length: 4 }, () => evaluate(source)))
    for (const result of results) expect(result).toEqual({ ok: true, value: 40_504_500 })
  })
})
