/** Certificates that somebody has issued to himself (X.509, RFC 5280), as small as they come. */
import { createPrivateKey, createPublicKey, generateKeyPair, randomBytes, sign } from 'node:crypto'
import { promisify } from 'node:util'

export interface Issued {
  /** Both in PEM. */
  private_key: string
  certificate: string
}

const [INTEGER, BIT_STRING, NULL, OBJECT_IDENTIFIER, UTF8_STRING, UTC_TIME, SEQUENCE, SET, VERSION] = [
  0x02, 0x03, 0x05, 0x06, 0x0c, 0x17, 0x30, 0x31, 0xa0,
]

/** Makes an RSA key and a certificate of it. */
export async function inventCertificate(common_name: string): Promise<Issued> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  const private_key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { private_key, certificate: issue(private_key, common_name) }
}

/** Good from 2020 until 2049: whoever tries a source out has a clock of its own. */
export function issue(
  private_key: string,
  common_name: string,
  [from, until]: readonly [string, string] = ['200101000000Z', '491231235959Z'],
): string {
  const key = createPrivateKey(private_key)
  const algorithm = der(SEQUENCE, oid('2a864886f70d01010b'), der(NULL))
  const name = der(
    SEQUENCE,
    der(SET, der(SEQUENCE, oid('550403'), der(UTF8_STRING, new TextEncoder().encode(common_name)))),
  )
  const body = der(
    SEQUENCE,
    der(VERSION, der(INTEGER, Uint8Array.of(2))),
    // The first bit would make it negative.
    der(INTEGER, Uint8Array.of(1, ...randomBytes(8))),
    algorithm,
    name,
    der(SEQUENCE, time(from), time(until)),
    name,
    new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' })),
  )
  const signature = der(BIT_STRING, Uint8Array.of(0), new Uint8Array(sign('sha256', body, key)))
  const lines =
    Buffer.from(der(SEQUENCE, body, algorithm, signature))
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

/** A value of ASN.1 in DER (ITU-T X.690): what it is, how long, and what is in it. */
function der(tag: number, ...contents: Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, { length }) => sum + length, 0)
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Uint8Array.of(tag, ...size), ...contents])
}

function oid(hex: string): Uint8Array {
  return der(OBJECT_IDENTIFIER, Buffer.from(hex, 'hex'))
}

function time(text: string): Uint8Array {
  return der(UTC_TIME, new TextEncoder().encode(text))
}
