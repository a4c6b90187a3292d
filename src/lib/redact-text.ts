/**
 * What a text may never show, wherever it stands in it: keys, secrets, tokens, credentials. Found by their
 * form, so that nobody has to remember that they may be there.
 */

export const REDACTED = '[redacted]'

/** Characters of a text that are looked at. With it the work is bounded, whatever the text makes of the patterns. */
const SCANNED_MAX = 4608

/** A secret that reaches across the end of what is looked at is not recognized by its first half: so much is left out there. */
const KNOWN_SECRET_MAX = 512

/** Names that stand before a secret: `name=value`, `name: value`, `"name":"value"`, also within a text of JSON within JSON. */
const NAMES =
  '[a-z0-9_-]{0,32}secret|[a-z0-9_-]{0,32}token|passw(?:or)?d|passphrase|api[_-]?key|private[_-]?key|master[_-]?keys?|credentials?|totp|otp'
const EQUALS = '(?:\\\\*["\'])?\\s{0,4}[=:]\\s{0,4}'
const QUOTED = `"(?:[^"\\\\]|\\\\[\\s\\S])*"?|\\\\+"[\\s\\S]*?(?:\\\\+"(?=\\s*[,}\\]])|$)|\\\\*'[^']*'?`

/** In this order: what takes a whole context with it, then what is known by its prefix, then what only looks like a secret. */
const PATTERNS: readonly (readonly [pattern: RegExp, shown: string])[] = [
  // drizzle-orm quotes the values of the statement that failed: rows of customers.
  [/(Failed query: [\s\S]*?\nparams: )[\s\S]*/, `$1${REDACTED}`],
  [
    /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g,
    `${REDACTED} private key`,
  ],
  // Headers whose values have parts, to the end of the line.
  [new RegExp(`((?:authorization|cookie)${EQUALS})(?:${QUOTED}|[^\\r\\n]+)`, 'gi'), `$1${REDACTED}`],
  // Credentials of HTTP (RFC 7617, RFC 6750).
  [/(basic|bearer)(?:\s+|%20)[^\s,;"'<>]+/gi, `$1 ${REDACTED}`],
  // Ours: API keys, signing secrets. A public key (`whpk_`) may be shown.
  [/(pst_(?:live|test)_)[0-9a-z]+/gi, `$1${REDACTED}`],
  [/(whs(?:ec|k)_)[a-z0-9+/=_-]+/gi, `$1${REDACTED}`],
  // Of providers whose secrets pass through: Stripe, GitHub, GitLab, Slack, Shopify, AWS.
  [/([sr]k_(?:live|test)_)[a-z0-9]+/gi, `$1${REDACTED}`],
  [/(gh[opsur]_|github_pat_|glpat-|xox[abeoprs]-|shp(?:at|ca|pa|ss)_)[a-z0-9_-]+/gi, `$1${REDACTED}`],
  [/AKIA[0-9A-Z]{16}/g, REDACTED],
  // A JSON Web Token: a header that begins with `{"`, a body, a signature.
  [/eyJ[a-z0-9_-]+\.[a-z0-9_-]+(?:\.[a-z0-9_-]*)?/gi, REDACTED],
  // 32 bytes in base64: a master key, of whatever deployment, or a signature.
  [/[a-z0-9+/_-]{43}=/gi, REDACTED],
  [new RegExp(`((?:${NAMES})${EQUALS})(?:${QUOTED}|[^\\s,;&"'}\\\\]+)`, 'gi'), `$1${REDACTED}`],
]

/** What each of them needs to be there: most texts are a name or an id, and need no closer look. */
const SUSPICIOUS =
  /[=:]|basic|bearer|pst_|whs(?:ec|k)_|[sr]k_(?:live|test)|gh[opsur]_|github_pat|glpat|xox|shp(?:at|ca|pa|ss)|akia|eyj|private key/i

const URL_TEXT = /[a-z][a-z0-9+.-]{0,30}:\/\/[^\s"'<>]+/gi
/** What random text looks like in a path: Slack, Discord and others have their secret there. Our own ids are none. */
const PATH_TOKEN = /^(?=.*[0-9])(?=.*[a-z])(?![a-z]{2,4}_[0-9A-Z]{26}$)[a-z0-9_-]{20,}$/i

/** A URL by which it is recognized, without who logs in, what its query or fragment says, and what is random in its path. */
function withoutCredentials(url: string): string {
  const start = url.indexOf('://') + 3
  const end = url.search(/[?#]./)
  const place = end < 0 ? url.slice(start) : url.slice(start, end)
  const shown = place.split('/').map((part, i) => {
    if (i > 0 && PATH_TOKEN.test(part)) return REDACTED
    // Not only of the first part: a path may hold a URL.
    const at = part.lastIndexOf('@')
    return at > 0 ? REDACTED + part.slice(at) : part
  })
  return url.slice(0, start) + shown.join('/') + (end < 0 ? '' : `${url[end]}${REDACTED}`)
}

/**
 * Makes the function that takes out of a text what it must not show. Bounded work for any text; never throws.
 * What is longer than 4,608 characters is cut, and says so.
 * @param secrets what this deployment keeps secret, as it is written
 */
export function createTextRedactor(secrets: readonly string[]): (text: string) => string {
  const forms = secrets.flatMap((secret) => [
    secret,
    secret.replaceAll('+', '-').replaceAll('/', '_'),
    encodeURIComponent(secret),
  ])
  // The longest first: one may hold another.
  const known = [...new Set(forms)]
    .filter((secret) => secret.length <= KNOWN_SECRET_MAX)
    .toSorted((a, b) => b.length - a.length)
  return (text) => {
    const is_cut = text.length > SCANNED_MAX
    let shown = is_cut ? text.slice(0, SCANNED_MAX) : text
    for (const secret of known) if (shown.includes(secret)) shown = shown.replaceAll(secret, REDACTED)
    if (!is_cut && !SUSPICIOUS.test(shown)) return shown
    shown = shown.replace(URL_TEXT, withoutCredentials)
    for (const [pattern, replacement] of PATTERNS) shown = shown.replace(pattern, replacement)
    return is_cut ? `${shown.slice(0, -KNOWN_SECRET_MAX)}[…]` : shown
  }
}

/** Shorter than this, a part of a setting is a name or a number that may stand in any text. */
const SECRET_LENGTH_MIN = 12

/** The secrets among a deployment's settings, by how the settings are named: a new one is known without a line here. */
export function secretsAmong(settings: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => {
    if (typeof value !== 'string' || !/KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL|DSN/i.test(name)) return []
    // A list of `id:base64`: the parts too, because an error may quote one.
    return [value, ...value.split(/[\s,:;]+/)].filter((part) => part.length >= SECRET_LENGTH_MIN)
  })
}
