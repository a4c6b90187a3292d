/** Bodies of forms (`application/x-www-form-urlencoded`), read as bytes: what was signed need not be UTF-8. */

/** As many as body-parser of Express takes. Somebody who knows no secret may send 25 MiB of ampersands. */
const PARAMETERS_MAX = 1000

const [AMPERSAND, EQUALS, PLUS, PERCENT, SPACE] = [0x26, 0x3d, 0x2b, 0x25, 0x20]

export interface Parameter {
  name: Uint8Array
  value: Uint8Array
}

/**
 * The parameters in their order, decoded (WHATWG URL, "application/x-www-form-urlencoded parsing", without its last step:
 * to text).
 * @returns null when there are more than anybody sends
 */
export function parseForm(body: Uint8Array): Parameter[] | null {
  const parameters: Parameter[] = []
  for (let from = 0; from < body.length; from++) {
    if (body[from] === AMPERSAND) continue
    if (parameters.length === PARAMETERS_MAX) return null
    const end = endOf(body, AMPERSAND, from)
    const pair = body.subarray(from, end)
    const middle = endOf(pair, EQUALS, 0)
    parameters.push({ name: decode(pair.subarray(0, middle)), value: decode(pair.subarray(middle + 1)) })
    from = end
  }
  return parameters
}

const utf8 = new TextDecoder()

/** Reads parameters as text, the first of each name; names and values that are empty are none. */
export function readForm(body: Uint8Array): (name: string) => string | undefined {
  const values = new Map<string, string>()
  for (const { name, value } of parseForm(body) ?? []) {
    const text = utf8.decode(name)
    if (value.length > 0 && !values.has(text)) values.set(text, utf8.decode(value))
  }
  return (name) => values.get(name)
}

function endOf(bytes: Uint8Array, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from)
  return at === -1 ? bytes.length : at
}

/** A percent sign that no two hexadecimal digits follow stands for itself. */
function decode(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(PERCENT) && !bytes.includes(PLUS)) return bytes
  const decoded = new Uint8Array(bytes.length)
  let length = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    const [high, low] = [digitOf(bytes[at + 1]), digitOf(bytes[at + 2])]
    if (byte === PERCENT && high !== null && low !== null) {
      decoded[length++] = high * 16 + low
      at += 2
    } else {
      decoded[length++] = byte === PLUS ? SPACE : byte
    }
  }
  return decoded.subarray(0, length)
}

function digitOf(byte: number | undefined): number | null {
  if (byte === undefined) return null
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : null
}
