/**
 * Which URLs Postern may be told to call: public https hosts only, so that nobody can use it to
 * reach into a network (OWASP, "Server-Side Request Forgery Prevention").
 */
import ipaddr from 'ipaddr.js'
import { err, ok, type Result } from './result.ts'

export interface UrlPolicy {
  /** Local use only: http, any port, any host. */
  allow_private: boolean
  ports: readonly number[]
}

export interface UrlRefusal {
  reason:
    | 'too_long'
    | 'not_a_url'
    | 'scheme'
    | 'credentials'
    | 'fragment'
    | 'port'
    | 'private_address'
    | 'ip_literal'
    | 'local_name'
    | 'not_a_name'
  /** A sentence for whoever entered the URL. */
  message: string
}

const LENGTH_MAX = 2048

/** Names that resolve inside a network, and suffixes reserved for it (RFC 6761, 6762, 8375; ICANN's .internal). */
const LOCAL_SUFFIXES = [
  'localhost',
  'localdomain',
  'localdomain6',
  'local',
  'internal',
  'home.arpa',
  'lan',
  'intranet',
  'corp',
  'home',
  'private',
  'test',
  'example',
  'invalid',
  'onion',
  'arpa',
]

/** Checks a destination after the URL parser has undone every disguise of its host (WHATWG URL Standard). */
export function checkPublicUrl(text: string, policy: UrlPolicy): Result<URL, UrlRefusal> {
  if (text.length > LENGTH_MAX) return refuse('too_long', `the URL is longer than ${LENGTH_MAX} characters`)
  const url = URL.parse(text)
  if (url === null) return refuse('not_a_url', 'this is not a URL')
  if (url.protocol !== 'https:' && !(policy.allow_private && url.protocol === 'http:')) {
    return refuse('scheme', 'the URL must start with https://')
  }
  if (url.username !== '' || url.password !== '') {
    return refuse('credentials', 'the URL must not contain a user name or password; use the endpoint headers')
  }
  if (url.hash !== '') return refuse('fragment', 'the URL must not have a fragment')
  if (policy.allow_private) return ok(url)
  const port = url.port === '' ? 443 : Number(url.port)
  if (!policy.ports.includes(port)) return refuse('port', `the port must be one of ${policy.ports.join(', ')}`)
  return checkHost(url)
}

function checkHost(url: URL): Result<URL, UrlRefusal> {
  // The parser has turned decimal, octal, hexadecimal and short spellings of IPv4 into the usual one.
  const host = url.hostname.replace(/\.+$/, '')
  const literal = host.replace(/^\[(.*)\]$/, '$1')
  if (ipaddr.isValid(literal)) {
    return ipaddr.process(literal).range() === 'unicast'
      ? refuse('ip_literal', 'the host must be a name, not an IP address')
      : refuse('private_address', 'the host is an address that is not public')
  }
  const is_local = LOCAL_SUFFIXES.some((suffix) => host === suffix || host.endsWith(`.${suffix}`))
  if (is_local || !host.includes('.'))
    return refuse('local_name', 'the host is a name that only exists inside a network')
  return isDnsName(url.hostname.replace(/\.$/, ''))
    ? ok(url)
    : refuse('not_a_name', 'the host is not a name that DNS could have')
}

/** RFC 1035, section 2.3.4, and underscores, which some have. The URL parser takes much more. */
function isDnsName(host: string): boolean {
  return host.length <= 253 && host.split('.').every((label) => /^[a-z0-9_-]{1,63}$/.test(label))
}

function refuse(reason: UrlRefusal['reason'], message: string): { ok: false; error: UrlRefusal } {
  return err({ reason, message })
}
