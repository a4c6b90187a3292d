import { generateKeyPairSync, sign } from 'node:crypto'
import { orders, SELECTORS } from './orders.ts'
import type { Sampler } from './sampler.ts'

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** ES256 (RFC 7518, section 3.4), with a key that the source is given. */
export const jwt: Sampler = {
  events: orders,
  invent() {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    return {
      signing_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      credentials: {},
      settings: {
        public_key: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
        algorithms: ['ES256'],
        issuer: 'https://sender.example',
        audience: 'postern',
        ...SELECTORS,
      },
    }
  },
  sign(_body, { now }, { signing_key }) {
    const iat = Math.floor(now.getTime() / 1000)
    const claims = { iss: 'https://sender.example', aud: 'postern', iat, exp: iat + 300 }
    const content = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode(claims)}`
    const key = { key: signing_key, dsaEncoding: 'ieee-p1363' } as const
    const signature = sign('sha256', Buffer.from(content), key).toString('base64url')
    return { headers: { 'content-type': 'application/json', authorization: `Bearer ${content}.${signature}` } }
  },
}
