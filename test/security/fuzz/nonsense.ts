/** What somebody sends who means no good, or who does not know what they do. */
import fc from 'fast-check'

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

/** Texts that have broken somebody's parser, database, log or page before. */
const HOSTILE_TEXTS = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\r\nx-injected: 1',
  '%0d%0ax-injected:%201',
  '\ud800',
  '\udfff\ud800',
  '\ufeff',
  '\u202egnp.exe',
  '\u0130\u0131\u017f\u212a',
  'e\u0301',
  '😀'.repeat(40),
  'a'.repeat(300),
  'a'.repeat(3000),
  "' OR '1'='1",
  "'; DROP TABLE tenants; --",
  '" OR ""="',
  '%',
  '_',
  '*',
  '%00',
  '%ff',
  '%252e%252e%252f',
  '../../etc/passwd',
  '..',
  '.',
  '/',
  '\\',
  '<script>alert(1)</script>',
  '{{7*7}}<%= 7*7 %>',
  '$eval("1")',
  '__proto__',
  'constructor',
  'toString',
  'undefined',
  'null',
  'NaN',
  'Infinity',
  '-1',
  '0x10',
  '1e3',
  ' 5 ',
  '5.0',
  '١٢',
  '9007199254740993',
  '2026-02-30T00:00:00Z',
  '2026-11-24',
  '2026-11-24T09:30Z',
  '2026-11-24t09:30:00z',
  '2026-11-24T24:00:00Z',
  '2026-11-24T23:59:60Z',
  '+275760-09-13T00:00:00Z',
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59.999999999+23:59',
  'eyJhbGciOiJub25lIn0..',
  'key_settings',
] as const

export const hostileText: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...HOSTILE_TEXTS) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
)

function nested(depth: number, open: 'list' | 'object'): Json {
  let value: Json = 1
  for (let i = 0; i < depth; i++) value = open === 'list' ? [value] : { a: value }
  return value
}

const hostileValue: fc.Arbitrary<Json> = fc.oneof(
  { weight: 6, arbitrary: hostileText },
  {
    weight: 5,
    arbitrary: fc.constantFrom<Json[]>(
      null,
      true,
      false,
      0,
      -0,
      -1,
      1.5,
      1e308,
      -1e308,
      5e-324,
      2 ** 31,
      2 ** 53 + 2,
      -(2 ** 63),
      [],
      {},
      [[]],
      [null],
      { length: 1 },
      { toJSON: 'x' },
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(nested(120, 'list'), nested(120, 'object'), Array(1100).fill('a')) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json> },
)

const MEMBERS = ['__proto__', 'constructor', 'id', 'tenant_id', 'role', 'version', 'toString', '', 'a', 'scopes', 'raw']

interface Mutation {
  kind: 'replace' | 'remove' | 'add' | 'wrap' | 'repeat' | 'rename'
  /** Which place of the value, modulo how many it has. */
  place: number
  value: Json
  member: string
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'add', 'wrap', 'repeat', 'rename'),
  place: fc.nat(1000),
  value: hostileValue,
  member: fc.constantFrom(...MEMBERS),
})

/** Something that was nearly right. */
export function mutated(right: fc.Arbitrary<Json>): fc.Arbitrary<Json> {
  return fc
    .tuple(right, fc.array(mutation, { minLength: 1, maxLength: 3 }))
    .map(([value, mutations]) => mutations.reduce(mutate, structuredClone(value)))
}

interface Place {
  holder: Json[] | { [name: string]: Json }
  at: string
}

function placesOf(value: Json, found: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null || found.length > 200) return found
  for (const at of Object.keys(value)) {
    found.push({ holder: value, at })
    placesOf(read({ holder: value, at }), found)
  }
  return found
}

function read({ holder, at }: Place): Json {
  return (Array.isArray(holder) ? holder[Number(at)] : holder[at]) ?? null
}

/** `__proto__` becomes a member like any other. */
function write({ holder, at }: Place, value: Json): void {
  Object.defineProperty(holder, at, { value, enumerable: true, configurable: true, writable: true })
}

function mutate(whole: Json, { kind, place, value: drawn, member }: Mutation): Json {
  // What is drawn twice is one object, which must not come to lie in itself.
  const value = structuredClone(drawn)
  const places = placesOf(whole)
  const chosen = places[place % (places.length + 1)]
  // The whole is a place as well.
  if (chosen === undefined) {
    if (kind === 'add' && typeof whole === 'object' && whole !== null && !Array.isArray(whole)) {
      write({ holder: whole, at: member }, value)
      return whole
    }
    return kind === 'wrap' ? [whole] : value
  }
  const there = read(chosen)
  const { holder, at } = chosen
  if (kind === 'replace') write(chosen, value)
  else if (kind === 'wrap') write(chosen, place % 2 === 0 ? [there] : { value: there })
  else if (kind === 'repeat' && Array.isArray(holder)) holder.push(structuredClone(there))
  else if (kind === 'add') {
    if (Array.isArray(holder)) holder.push(value)
    else write({ holder, at: member }, value)
  } else if (Array.isArray(holder)) holder.splice(Number(at), 1)
  else {
    delete holder[at]
    if (kind === 'rename') write({ holder, at: `${at}s` }, there)
  }
  return whole
}

export const nonsense: fc.Arbitrary<Json> = fc.oneof(
  hostileValue,
  fc.dictionary(fc.oneof(fc.constantFrom(...MEMBERS), fc.string({ maxLength: 8 })), hostileValue, { maxKeys: 4 }),
)

/** How a body may be broken after it has been written. */
export const DAMAGES = [
  (text: string) => Buffer.from(text.slice(0, -1)),
  (text: string) => Buffer.from(`${text}}`),
  (text: string) => Buffer.from(`\ufeff${text}`),
  (text: string) => Buffer.from(text, 'utf16le'),
  (text: string) => Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.of(0xff, 0xfe), Buffer.from(text.slice(-1))]),
  (text: string) => Buffer.from(text.replace('"', "'")),
  (text: string) => Buffer.from(`${text.slice(0, -1)},}`),
  (text: string) => Buffer.from(`/* a comment */${text}`),
  (text: string) => Buffer.from(text.replace(/:("[^"]*"|\d+)/, ':NaN')),
  (text: string) => Buffer.from(text.replace(/:("[^"]*"|\d+)/, ':1e999')),
  (text: string) => Buffer.from(text.replace(/:("[^"]*"|\d+)/, `:${'9'.repeat(400)}`)),
  // Whoever reads the first of two, and whoever reads the last, see different things.
  (text: string) => Buffer.from(text.replace(/^\{("[^"]+":)/, '{$1null,$1')),
  (text: string) => Buffer.from(text.replace(/^\{/, '{"__proto__":{"role":"operator"},')),
  (text: string) => Buffer.from(text.replaceAll(',', ' \n\t,\r ')),
  (text: string) => Buffer.from(`${'['.repeat(20_000)}${']'.repeat(20_000)}${text.slice(0, 0)}`),
  (text: string) => Buffer.from(text.replace(/:("[^"]*"|\d+)/, `:${'['.repeat(9000)}${']'.repeat(9000)}`)),
  () => Buffer.from(''),
  () => Buffer.from(' '),
  () => Buffer.from('null'),
  () => Buffer.from('a=1&b=2'),
  () => Buffer.of(0),
] as const satisfies readonly ((text: string) => Buffer)[]
