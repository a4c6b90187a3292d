import { z } from '@hono/zod-openapi'
import { decodeJwt } from 'jose'
import { equalInConstantTime, sha256Hex } from '../../lib/hash.ts'
import { ok, type Result } from '../../lib/result.ts'
import { defineProvider } from '../provider.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { headerName, soleHeader } from '../schemes/header.ts'
import { ASYMMETRIC, isPublicKey, isPublicUrl, SYMMETRIC, verifyJwt } from '../schemes/jwt.ts'
import { identifyBy, selectedHeaders, selectors } from '../schemes/selectors.ts'
import { checkTime } from '../schemes/timestamp.ts'
import { schemeValue } from '../schemes/token.ts'

const settings = z
  .strictObject({
    ...selectors,
    /** Where the keys are. Without it and without `public_key` the token is signed with a shared secret. */
    jwks_url: z.string().refine(isPublicUrl, 'must be a public https URL').optional(),
    public_key: z.string().max(16_384).refine(isPublicKey, 'must be a public key or a certificate, in PEM').optional(),
    algorithms: z
      .array(z.enum([...ASYMMETRIC, ...SYMMETRIC]))
      .min(1)
      .optional(),
    issuer: z.string().min(1).max(512).optional(),
    audience: z.string().min(1).max(512).optional(),
    /** More that has to be in the token as it is here: who it was made for, where many get tokens from one issuer. */
    claims: z.record(z.string().max(128), z.union([z.string().max(512), z.number(), z.boolean()])).default({}),
    header: headerName.default('authorization'),
    /** The claim that has SHA-256 of the body in hexadecimal. Without it the token says nothing about the body. */
    body_sha256_claim: z.string().min(1).max(128).optional(),
  })
  .superRefine((given, context) => {
    const { jwks_url, public_key, algorithms = [], issuer, audience, claims } = given
    const complain = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    const [has_jwks, has_key] = [jwks_url !== undefined, public_key !== undefined]
    if (has_jwks && has_key) complain('public_key', 'is instead of `jwks_url`')
    // Otherwise a public key could be taken for the secret of an HMAC (RFC 8725, section 2.1).
    const allowed: readonly string[] = has_jwks || has_key ? ASYMMETRIC : SYMMETRIC
    if (algorithms.some((name) => !allowed.includes(name))) complain('algorithms', `must be of ${allowed.join(', ')}`)
    const says_whose = issuer !== undefined || audience !== undefined || Object.keys(claims).length > 0
    if (has_jwks && !says_whose)
      complain('jwks_url', 'needs `issuer`, `audience` or `claims`: others may have its tokens')
    if (selectedHeaders(given).includes(given.header)) complain('header', 'cannot say what an event is')
  })

/** JSON Web Tokens (RFC 7519), checked as RFC 8725 recommends. */
export const jwt = defineProvider({
  title: 'JSON Web Token',
  specification: 'https://www.rfc-editor.org/rfc/rfc7519',
  credentials: z.strictObject({ secret: z.string().min(32).max(512).optional() }),
  settings,
  forwards: [],
  alsoForwards: selectedHeaders,

  async verify({ headers, body }, given) {
    const { settings } = given
    const token = readToken(headers, settings.header)
    if (!token.ok) return token
    const payload = await verifyJwt(token.value, given)
    if (!payload.ok) return payload
    const { iat, exp, ...claims } = payload.value
    if (Object.entries(settings.claims).some(([name, value]) => claims[name] !== value))
      return refuse('wrong_recipient')
    if (settings.body_sha256_claim !== undefined) {
      const hash = claims[settings.body_sha256_claim]
      const is_match = equalInConstantTime(String(hash).toLowerCase(), await sha256Hex(body))
      if (!is_match) return refuse('signature_mismatch')
    }
    // One that says how long it is good may be sent until then; when it was made counts where it does not.
    if (iat === undefined) return exp === undefined ? refuse('malformed_timestamp') : ok(undefined)
    const signed_at = exp === undefined ? iat * 1000 : Math.max(iat * 1000, given.now)
    return checkTime(signed_at, given)
  },

  identify(request, { header, ...selected }) {
    const token = readToken(request.headers, header)
    return { ...identifyBy(request, selected), sent_at: token.ok ? timeOf(token.value) : null }
  },
})

/** In a header of its own a token may stand alone. */
function readToken(headers: Headers, header: string): Result<string, Refusal> {
  const value = soleHeader(headers, header)
  const is_bare = value.ok && header !== 'authorization' && !value.value.includes(' ')
  return is_bare ? value : schemeValue(headers, header, 'bearer')
}

function timeOf(token: string): string | null {
  try {
    const { iat } = decodeJwt(token)
    return iat === undefined ? null : String(iat)
  } catch {
    return null
  }
}
