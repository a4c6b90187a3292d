/** One-time codes (RFC 6238) as every authenticator app makes them: HMAC-SHA-1, six digits, a new one each 30 seconds. */
import { Secret, TOTP } from 'otpauth/slim'
import { renderSVG } from 'uqr'
import type { RandomBytes } from '../lib/ids.ts'

const PERIOD_S = 30
const DIGITS = 6
/** "RECOMMEND a shared secret length of 160 bits": RFC 4226, section 4, R6. */
const SECRET_BYTES = 20
/** Clocks differ and people type slowly: "at most one time step is allowed as the network delay", RFC 6238, section 5.2. */
const WINDOW_STEPS = 1
/** An app shows little more, and the QR code has to stay easy to read. */
const LABEL_LENGTH_MAX = 60

const CODE = /^[0-9]{6}$/

/** What a code turned out to be. `used`: right, but for a time step that is over for this secret. */
export type Verdict = { kind: 'right'; step: number } | { kind: 'used' } | { kind: 'wrong' } | { kind: 'malformed' }

/** A new secret, in base32. */
export function createTotpSecret(random: RandomBytes): string {
  return new Secret({ buffer: random(SECRET_BYTES).slice().buffer }).base32
}

/**
 * Judges a code by the clock.
 * @param last_step the time step of the last code that was accepted: no code of it or of an earlier one is good again
 * @param now Unix milliseconds
 * @example judgeCode('JBSWY3DPEHPK3PXP', '282760', 0, 0)
 */
export function judgeCode(secret: string, code: string, last_step: number, now: number): Verdict {
  if (!CODE.test(code)) return { kind: 'malformed' }
  const options = { period: PERIOD_S, timestamp: now }
  const delta = TOTP.validate({
    ...options,
    token: code,
    secret: Secret.fromBase32(secret),
    digits: DIGITS,
    window: WINDOW_STEPS,
  })
  if (delta === null) return { kind: 'wrong' }
  const step = TOTP.counter(options) + delta
  return step > last_step ? { kind: 'right', step } : { kind: 'used' }
}

/**
 * The `otpauth://` URI that authenticator apps read.
 * https://github.com/google/google-authenticator/wiki/Key-Uri-Format
 */
export function toOtpauthUri(secret: string, issuer: string, label: string): string {
  // Of whole characters: half of one cannot be put into a URI.
  const shown = [...label.toWellFormed()].slice(0, LABEL_LENGTH_MAX).join('')
  return new TOTP({ secret, issuer, label: shown, period: PERIOD_S, digits: DIGITS }).toString()
}

/** A picture of the URI to point a phone at, with the quiet zone of four modules that ISO/IEC 18004 asks for. */
export function toQrSvg(uri: string): string {
  return renderSVG(uri, { ecc: 'M', border: 4, pixelSize: 4 })
}
