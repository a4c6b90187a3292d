/// <reference types="node" />
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { liesIn, readNetwork, toNetworks } from '../../src/lib/network.ts'

function read(text: string): string {
  const read = readNetwork(text)
  return read.ok ? read.value : `refused: ${read.error}`
}

/** Whether the range takes the address in, as somebody who enters the one and calls from the other finds. */
function takes(range: string, address: string): boolean {
  const read = readNetwork(range)
  if (!read.ok) throw new Error(`${range}: ${read.error}`)
  return liesIn(address, toNetworks([read.value]))
}

describe('a range', () => {
  it.each([
    ['203.0.113.0/24', '203.0.113.0/24'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['203.0.113.9', '203.0.113.9/32'],
    ['203.0.113.9/32', '203.0.113.9/32'],
    ['203.0.113.128/25', '203.0.113.128/25'],
    ['2001:db8::/32', '2001:db8::/32'],
    ['2001:0DB8:0000::/32', '2001:db8::/32'],
    ['2001:db8::1', '2001:db8::1/128'],
    ['::/0', '::/0'],
    ['::ffff:203.0.113.9', '203.0.113.9/32'],
    ['::ffff:203.0.113.0/120', '203.0.113.0/24'],
    ['::ffff:cb00:7100/120', '203.0.113.0/24'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
  ])('%s is kept as %s', (written, kept) => {
    expect(read(written)).toBe(kept)
  })

  it.each([
    ['with bits behind its prefix', '203.0.113.9/24', 'did you mean 203.0.113.0/24?'],
    ['with bits behind its prefix', '2001:db8::1/32', 'did you mean 2001:db8::/32?'],
    ['with bits behind its prefix', '10.0.0.0/6', 'did you mean 8.0.0.0/6?'],
    ['with a prefix that is too long', '203.0.113.0/33', 'between 0 and 32'],
    ['with a prefix that is too long', '2001:db8::/129', 'between 0 and 128'],
    ['with a prefix for IPv4 behind IPv4 as IPv6', '::ffff:203.0.113.0/24', 'between 96 and 128'],
    ['with a mask', '203.0.113.0/255.255.255.0', 'a number behind the slash'],
    ['with a prefix that is no number', '203.0.113.0/', 'a number behind the slash'],
    ['with a prefix that is no number', '203.0.113.0/-1', 'a number behind the slash'],
    ['with a prefix that looks octal', '203.0.113.0/010', 'a number behind the slash'],
    ['with a prefix in another notation', '203.0.113.0/1e1', 'a number behind the slash'],
    ['with two prefixes', '203.0.113.0/24/24', 'must be a range'],
    ['that is short', '10/8', 'must be a range'],
    ['that is short', '10.1/16', 'must be a range'],
    ['that is a number', '167772160/8', 'must be a range'],
    ['that looks octal', '010.0.0.0/8', 'must be a range'],
    ['that is hexadecimal', '0xa.0.0.0/8', 'must be a range'],
    ['with a byte that is none', '256.0.0.0/8', 'must be a range'],
    ['with a star', '203.0.113.*', 'must be a range'],
    ['from one to another', '203.0.113.1-203.0.113.9', 'must be a range'],
    ['with a zone', 'fe80::1%eth0/128', 'must be a range'],
    ['with brackets', '[2001:db8::]/32', 'must be a range'],
    ['with IPv4 behind other IPv6', '2001:db8::203.0.113.9', 'must be a range'],
    ['with IPv4 behind nothing, which means neither', '::203.0.113.9', 'must be a range'],
    ['with a name', 'office.acme.com', 'must be a range'],
    ['with spaces', ' 203.0.113.0/24', 'must be a range'],
    ['of nothing', '', 'must be a range'],
    ['that goes on and on', `${'0:'.repeat(1000)}/1`, 'must be a range'],
  ])('%s is refused: %.40s', (_what, written, why) => {
    expect(read(written)).toMatch(/^refused: /)
    expect(read(written)).toContain(why)
  })

  it('is read to the same when it is read again', () => {
    fc.assert(
      fc.property(anyRange, ({ text }) => {
        expect(read(read(text))).toBe(read(text))
      }),
    )
  })
})

describe('an address', () => {
  it.each([
    ['203.0.113.0/24', ['203.0.113.0', '203.0.113.255'], ['203.0.112.255', '203.0.114.0', '203.1.113.0']],
    ['203.0.113.128/25', ['203.0.113.128', '203.0.113.255'], ['203.0.113.127', '203.0.114.128']],
    ['10.0.0.0/8', ['10.0.0.0', '10.255.255.255'], ['9.255.255.255', '11.0.0.0', '110.0.0.1']],
    ['172.16.0.0/12', ['172.16.0.0', '172.31.255.255'], ['172.15.255.255', '172.32.0.0']],
    ['100.64.0.0/10', ['100.64.0.0', '100.127.255.255'], ['100.63.255.255', '100.128.0.0']],
    ['203.0.113.9', ['203.0.113.9'], ['203.0.113.8', '203.0.113.90', '203.0.113.10']],
    ['203.0.113.8/31', ['203.0.113.8', '203.0.113.9'], ['203.0.113.7', '203.0.113.10']],
    ['0.0.0.0/0', ['0.0.0.0', '127.0.0.1', '255.255.255.255'], ['::', '::1', '2001:db8::1']],
    ['128.0.0.0/1', ['128.0.0.0', '255.255.255.255'], ['127.255.255.255', '0.0.0.0']],
    ['2001:db8::/32', ['2001:db8::', '2001:DB8:ffff:ffff:ffff:ffff:ffff:ffff'], ['2001:db7:ffff::', '2001:db9::']],
    ['2001:db8:0:10::/60', ['2001:db8:0:10::', '2001:db8:0:1f::1'], ['2001:db8:0:f::', '2001:db8:0:20::']],
    ['2001:db8::9', ['2001:db8::9', '2001:0db8:0:0:0:0:0:9'], ['2001:db8::8', '2001:db8::90', '2001:db8::1:9']],
    ['fe80::/10', ['fe80::1', 'febf:ffff::'], ['fe7f:ffff::', 'fec0::']],
    ['::/0', ['::', '::1', '2001:db8::1'], ['203.0.113.9', '::ffff:203.0.113.9']],
    ['203.0.113.0/24', ['::ffff:203.0.113.9', '::FFFF:203.0.113.9', '::ffff:cb00:7109'], ['::ffff:203.0.112.9']],
    ['::ffff:203.0.113.0/120', ['203.0.113.9', '::ffff:203.0.113.9'], ['203.0.112.9', '::203.0.113.9', '::cb00:7109']],
  ])('lies in %s or does not', (range, inside, outside) => {
    expect(inside.filter((address) => !takes(range, address))).toEqual([])
    expect(outside.filter((address) => takes(range, address))).toEqual([])
  })

  it.each([
    '',
    'unknown',
    '010.0.0.1',
    '10.1',
    '167772161',
    '0xa.0.0.1',
    '10.0.0.1:443',
    '10.0.0.1, 10.0.0.2',
    '10.0.0.1\n',
    '[::ffff:10.0.0.1]',
    '::ffff:10.0.0.1%eth0',
    '::ffff:010.0.0.1',
    '::10.0.0.1',
    '10.0.0.1/32',
  ])('that is written in another way lies nowhere: %j', (address) => {
    expect(takes('0.0.0.0/0', address)).toBe(false)
    expect(takes('::/0', address)).toBe(false)
  })

  it('lies in a list when it lies in one of its ranges', () => {
    const networks = toNetworks(['203.0.113.0/24', '2001:db8::/32'])
    expect(liesIn('203.0.113.9', networks)).toBe(true)
    expect(liesIn('2001:db8::9', networks)).toBe(true)
    expect(liesIn('198.51.100.1', networks)).toBe(false)
    expect(liesIn('203.0.113.9', [])).toBe(false)
  })
})

const anyIPv4 = fc.ipV4()
const anyIPv6 = fc.ipV6().filter((text) => isIPv6(text) && !text.includes('.'))
const rangeOf = (kind: 'ipv4' | 'ipv6', bits: number, address: fc.Arbitrary<string>) =>
  fc
    .record({ address, prefix: fc.integer({ min: 0, max: bits }) })
    .map(({ address, prefix }) => ({ kind, ...toRange(address, prefix) }))
const anyRange = fc.oneof(rangeOf('ipv4', 32, anyIPv4), rangeOf('ipv6', 128, anyIPv6))

/** The range around an address, with what lies behind the prefix cut off bit by bit. */
function toRange(address: string, prefix: number): { first: string; prefix: number; text: string } {
  const first = fromBits(toBits(address).map((bit, i) => (i < prefix ? bit : 0)))
  return { first, prefix, text: `${first}/${prefix}` }
}

function toBits(address: string): number[] {
  if (isIPv4(address)) return address.split('.').flatMap((byte) => bitsOf(Number(byte), 8))
  const [front = '', back] = address.split('::').map((half) => half.split(':').filter((group) => group !== ''))
  const missing = back === undefined ? 0 : 8 - front.length - back.length
  const groups = [...front, ...Array<string>(missing).fill('0'), ...(back ?? [])]
  return groups.flatMap((group) => bitsOf(Number.parseInt(group, 16), 16))
}

function bitsOf(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (value >> (count - 1 - i)) & 1)
}

function fromBits(bits: readonly number[]): string {
  const size = bits.length === 32 ? 8 : 16
  const values = Array.from({ length: bits.length / size }, (_, i) =>
    bits.slice(i * size, (i + 1) * size).reduce((sum, bit) => sum * 2 + bit, 0),
  )
  return size === 8 ? values.join('.') : values.map((value) => value.toString(16)).join(':')
}

describe('whether an address lies in a range', () => {
  /** Node's own, in C++, which shares no line with what is tested. */
  function asNodeHasIt(range: { kind: 'ipv4' | 'ipv6'; first: string; prefix: number }, address: string): boolean {
    const list = new BlockList()
    list.addSubnet(range.first, range.prefix, range.kind)
    return list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
  }

  /** An address that agrees with the range for some bits, so that both answers are common. */
  const near = anyRange.chain((range) =>
    fc.integer({ min: 0, max: range.kind === 'ipv4' ? 31 : 127 }).map((flipped) => {
      const bits = toBits(range.first).map((bit, i) => (i === flipped ? 1 - bit : bit))
      return { range, address: fromBits(bits), is_inside: flipped >= range.prefix }
    }),
  )
  const isMapped = (address: string) => /^0:0:0:0:0:ffff:/.test(fromBits(toBits(address)))

  it('depends on the bits before the prefix and no others', () => {
    fc.assert(
      fc.property(
        near.filter(({ range, address }) => !isMapped(range.first) && !isMapped(address)),
        ({ range, address, is_inside }) => {
          expect(takes(range.text, address)).toBe(is_inside)
          expect(asNodeHasIt(range, address)).toBe(is_inside)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('is answered as node:net answers it, for any two', () => {
    fc.assert(
      fc.property(anyRange, fc.oneof(anyIPv4, anyIPv6), (range, address) => {
        fc.pre((range.kind === 'ipv4') === isIPv4(address) && !isMapped(range.first) && !isMapped(address))
        expect(takes(range.text, address)).toBe(asNodeHasIt(range, address))
      }),
      { numRuns: 2000 },
    )
  })

  it('is the same for an IPv4 address and the same one written as IPv6', () => {
    fc.assert(
      fc.property(rangeOf('ipv4', 32, anyIPv4), anyIPv4, (range, address) => {
        expect(takes(range.text, `::ffff:${address}`)).toBe(takes(range.text, address))
      }),
    )
  })
})
