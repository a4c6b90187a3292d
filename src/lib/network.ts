/** Ranges of addresses as CIDR has them (RFC 4632, RFC 4291), and whether an address lies in one. */
import ipaddr from 'ipaddr.js'
import { err, ok, type Result } from './result.ts'

type Address = ipaddr.IPv4 | ipaddr.IPv6

interface Network {
  first: Address
  prefix: number
}

const IPV4_BITS = 32
const IPV6_BITS = 128
/** What an IPv4 address is preceded by when it is written as an IPv6 one, `::ffff:0:0/96`. */
const MAPPED_PREFIX = IPV6_BITS - IPV4_BITS

/** Longer than any address or range is written. */
const LENGTH_MAX = 64
const MAPPED = /^::ffff:([\d.]+)$/i
const PREFIX = /^(0|[1-9]\d{0,2})$/

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32` or a single address.
 * @returns the range in its canonical spelling, or a sentence on what is wrong with it
 */
export function readNetwork(text: string): Result<string, string> {
  const [written = '', prefix_written, ...more] = text.split('/')
  const address = parseAddress(written)
  if (address === null || more.length > 0) {
    return err('must be a range like 203.0.113.0/24 or 2001:db8::/32, or a single address')
  }
  // Written as IPv6 though it is IPv4: the prefix then counts from the front of the longer form.
  const shift = address.kind() === 'ipv4' && written.includes(':') ? MAPPED_PREFIX : 0
  const bits = bitsOf(address)
  if (prefix_written !== undefined && !PREFIX.test(prefix_written)) return err('must have a number behind the slash')
  const prefix = prefix_written === undefined ? bits : Number(prefix_written) - shift
  if (prefix < 0 || prefix > bits) {
    return err(`must have a prefix between ${shift} and ${bits + shift} behind the slash`)
  }
  const first = firstOf(address, prefix)
  const canonical = `${first.toString()}/${prefix}`
  // Taken as it is, one digit too few behind the slash would let in a thousand times as many.
  if (first.toString() !== address.toString()) return err(`has bits set behind its prefix; did you mean ${canonical}?`)
  return ok(canonical)
}

/** Ranges prepared for {@link liesIn}, from what {@link readNetwork} answered. */
export function toNetworks(canonical: readonly string[]): Network[] {
  return canonical.map((text) => {
    const [first, prefix] = ipaddr.parseCIDR(text)
    return { first, prefix }
  })
}

/**
 * Whether an address lies in one of the ranges. An IPv4 address written as IPv6 (`::ffff:203.0.113.9`) is
 * that IPv4 address; a range of IPv6 takes in no IPv4 address. What is no address lies nowhere.
 */
export function liesIn(address: string, networks: readonly Network[]): boolean {
  const parsed = parseAddress(address)
  if (parsed === null) return false
  return networks.some(({ first, prefix }) => first.kind() === parsed.kind() && parsed.match(first, prefix))
}

/** What one IPv6 customer has at least (RFC 6177). */
const SUBNET_PREFIX = 64

/** The network that an address stands for when callers are counted: an IPv4 address itself, of IPv6 the /64. Null for what is no address. */
export function subnetOf(address: string): string | null {
  const parsed = parseAddress(address)
  if (parsed === null) return null
  return parsed.kind() === 'ipv4' ? parsed.toString() : `${firstOf(parsed, SUBNET_PREFIX).toString()}/${SUBNET_PREFIX}`
}

export type { Network }

/**
 * The parser takes more than people mean: octal and short forms of IPv4, zones, and an IPv4 tail behind any
 * IPv6 address, which it then takes for a mapped one.
 */
function parseAddress(text: string): Address | null {
  if (text.length > LENGTH_MAX) return null
  const tail = MAPPED.exec(text)?.[1] ?? (text.includes(':') ? undefined : text)
  if (tail?.includes('.')) {
    return ipaddr.IPv4.isValidFourPartDecimal(tail) ? ipaddr.IPv4.parse(tail) : null
  }
  if (!/^[0-9a-f:]+$/i.test(text) || !text.includes(':') || !ipaddr.IPv6.isValid(text)) return null
  const address = ipaddr.IPv6.parse(text)
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address
}

function firstOf(address: Address, prefix: number): Address {
  const cidr = `${address.toString()}/${prefix}`
  return address.kind() === 'ipv4' ? ipaddr.IPv4.networkAddressFromCIDR(cidr) : ipaddr.IPv6.networkAddressFromCIDR(cidr)
}

function bitsOf(address: Address): number {
  return address.kind() === 'ipv4' ? IPV4_BITS : IPV6_BITS
}
