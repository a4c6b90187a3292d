/** RFC 6238, clause by clause; codes are made by `otplib`, and pictures read by `qr`. */
import fc from 'fast-check'
import { generateSync } from 'otplib'
import decodeQR from 'qr/decode.js'
import { describe, expect, it } from 'vitest'
import { createTotpSecret, judgeCode, toOtpauthUri, toQrSvg } from '../../src/step-up/totp.ts'

const STEP_MS = 30_000
/** "12345678901234567890", the secret of the RFC's test vectors. */
const RFC_SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))

/** What an authenticator app shows at this time. */
const shown = (secret: string, now: number) => generateSync({ secret, epoch: Math.floor(now / 1000) })

/** The pixels of a picture that is made of squares, as a camera would see them. */
function rasterize(svg: string) {
  const [, width = '', height = ''] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg) ?? []
  const data = new Uint8Array(Number(width) * Number(height) * 4).fill(255)
  for (const [, x, y, w, h] of svg.matchAll(/M(\d+),(\d+)h(\d+)v(\d+)h-\d+z/g)) {
    for (let row = Number(y); row < Number(y) + Number(h); row++) {
      for (let column = Number(x); column < Number(x) + Number(w); column++) {
        data.fill(0, (row * Number(width) + column) * 4, (row * Number(width) + column) * 4 + 3)
      }
    }
  }
  return { width: Number(width), height: Number(height), data }
}

describe('appendix B of RFC 6238', () => {
  it.each([
    [59, '94287082', '1'],
    [1_111_111_109, '07081804', '23523EC'],
    [1_111_111_111, '14050471', '23523ED'],
    [1_234_567_890, '89005924', '273EF07'],
    [2_000_000_000, '69279037', '3F940AA'],
    [20_000_000_000, '65353130', '27BC86AA'],
  ])('at %i s the code %s is right, in the time step %s', (time_s, code, step) => {
    // The RFC shows eight digits, of which six are the last.
    const verdict = judgeCode(RFC_SECRET, code.slice(-6), 0, time_s * 1000)
    expect(verdict).toEqual({ kind: 'right', step: Number.parseInt(step, 16) })
  })
})

describe('a code', () => {
  const now = 1_700_000_010_000
  const step = Math.floor(now / STEP_MS)
  const code = (steps: number) => shown(RFC_SECRET, now + steps * STEP_MS)

  it('is right for whatever secret and time another library has made it', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 20, maxLength: 20 }),
        fc.integer({ min: 1, max: 10 ** 13 }),
        (bytes, at) => {
          const secret = createTotpSecret(() => bytes)
          expect(judgeCode(secret, shown(secret, at), -1, at).kind).toBe('right')
        },
      ),
    )
  })

  it.each([
    ['of now', 0, 0],
    ['of the step before (section 5.2: the delay of a network)', -1, -1],
    ['of the step after (section 6: a clock that drifts)', 1, 1],
  ])('%s is right, and says of which step it is', (_what, steps, offset) => {
    expect(judgeCode(RFC_SECRET, code(steps), 0, now)).toEqual({ kind: 'right', step: step + offset })
  })

  it.each([-3, -2, 2, 3])('of %i steps away is wrong', (steps) => {
    expect(judgeCode(RFC_SECRET, code(steps), 0, now)).toEqual({ kind: 'wrong' })
  })

  it('is right to the last millisecond of the step after its own, and wrong from then on', () => {
    const ends_at = (step + 2) * STEP_MS
    expect(judgeCode(RFC_SECRET, code(0), 0, ends_at - 1)).toEqual({ kind: 'right', step })
    expect(judgeCode(RFC_SECRET, code(0), 0, ends_at)).toEqual({ kind: 'wrong' })
  })

  it('is right from the first millisecond of the step before its own, and wrong until then', () => {
    const starts_at = (step - 1) * STEP_MS
    expect(judgeCode(RFC_SECRET, code(0), 0, starts_at)).toEqual({ kind: 'right', step })
    expect(judgeCode(RFC_SECRET, code(0), 0, starts_at - 1)).toEqual({ kind: 'wrong' })
  })

  it('is used once its step, or a later one, was accepted (section 5.2: one-time)', () => {
    expect(judgeCode(RFC_SECRET, code(0), step, now)).toEqual({ kind: 'used' })
    expect(judgeCode(RFC_SECRET, code(-1), step, now)).toEqual({ kind: 'used' })
    expect(judgeCode(RFC_SECRET, code(1), step, now)).toEqual({ kind: 'right', step: step + 1 })
  })

  it('is wrong for another secret', () => {
    expect(judgeCode(createTotpSecret(random), code(0), 0, now).kind).toBe('wrong')
  })

  it.each([
    ['nothing', ''],
    ['five digits', '12345'],
    ['seven digits', '1234567'],
    ['letters', 'abcdef'],
    ['a space within', '123 456'],
    ['a space around', ' 123456'],
    ['a line break after', '123456\n'],
    ['a sign', '-12345'],
    ['an exponent', '1e5000'],
    ['Arabic digits', '١٢٣٤٥٦'],
    ['full-width digits', '１２３４５６'],
    ['two codes', '123456, 123456'],
    ['a NUL', '12345\0'],
  ])('that is %s is malformed', (_what, text) => {
    expect(judgeCode(RFC_SECRET, text, 0, now)).toEqual({ kind: 'malformed' })
  })

  it('is never right for a text that is not six digits, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(!/^[0-9]{6}$/.test(text))
        expect(judgeCode(RFC_SECRET, text, 0, now)).toEqual({ kind: 'malformed' })
      }),
    )
  })
})

describe('a new secret', () => {
  it('has the 160 bits that RFC 4226 recommends, as base32 without padding', () => {
    expect(createTotpSecret(random)).toMatch(/^[A-Z2-7]{32}$/)
    expect(createTotpSecret(random)).not.toBe(createTotpSecret(random))
  })
})

describe('the URI for authenticator apps', () => {
  it('says all that an app needs, in the form that apps agree on', () => {
    const uri = new URL(toOtpauthUri(RFC_SECRET, 'Postern', 'acme/billing'))
    expect([uri.protocol, uri.host, decodeURIComponent(uri.pathname)]).toEqual([
      'otpauth:',
      'totp',
      '/Postern:acme/billing',
    ])
    expect(Object.fromEntries(uri.searchParams)).toEqual({
      issuer: 'Postern',
      secret: RFC_SECRET,
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    })
  })

  it.each([
    ['a long name', 'x'.repeat(1000)],
    ['a name of emoji', '👩‍👩‍👧'.repeat(100)],
    ['half a character', 'a\ud800b'],
    ['what means something in a URI', 'a:b?secret=c&issuer=d#e%20/'],
  ])('bears %s, and fits a picture that is read as the same', (_what, label) => {
    const uri = toOtpauthUri(RFC_SECRET, 'Postern dev', label)
    expect(new URL(uri).searchParams.getAll('secret')).toEqual([RFC_SECRET])
    expect(decodeQR(rasterize(toQrSvg(uri)), { timeLimit: 5000 })).toBe(uri)
  })
})

describe('the picture', () => {
  it('is an SVG that holds nothing but squares', () => {
    const svg = toQrSvg(toOtpauthUri(RFC_SECRET, 'Postern', '<script>alert(1)</script>'))
    expect(svg).toMatch(/^<svg [^>]+>.*<\/svg>$/s)
    expect([...svg.matchAll(/<(\w+)/g)].map(([, name]) => name)).toEqual(['svg', 'rect', 'path'])
  })
})
