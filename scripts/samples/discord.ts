import { generateKeyPairSync, sign } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

/** https://docs.discord.com/developers/events/webhook-events */
const event = ({ type, now }: Occasion, data: Record<string, unknown>) =>
  JSON.stringify({
    version: 1,
    application_id: '1234560123453231555',
    type: 1,
    event: { type, timestamp: now.toISOString().replace('Z', '000'), data },
  })

/** https://docs.discord.com/developers/interactions/receiving-and-responding */
const interaction = ({ id }: Occasion, type: number, data: Record<string, unknown>) =>
  JSON.stringify({
    id,
    application_id: '1234560123453231555',
    type,
    token: 'A_UNIQUE_TOKEN',
    guild_id: '290926798626357999',
    channel_id: '645027906669510667',
    member: { user: { id: '53908232506183680', username: 'Mason' }, roles: [] },
    data,
    version: 1,
  })

export const discord: Sampler = {
  events: {
    APPLICATION_AUTHORIZED: (occasion) =>
      event(occasion, {
        integration_type: 1,
        scopes: ['applications.commands'],
        user: { id: occasion.id, username: 'Mason' },
      }),
    ENTITLEMENT_CREATE: (occasion) =>
      event(occasion, { id: occasion.id, sku_id: '1019475255913222144', user_id: '771129655544643584', type: 1 }),
    APPLICATION_COMMAND: (occasion) =>
      interaction(occasion, 2, { id: '771825006014889984', name: 'cardsearch', type: 1 }),
  },
  invent() {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    // The key proper is the end of its DER (RFC 8410, section 4).
    const public_key = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')
    const signing_key = String(privateKey.export({ format: 'pem', type: 'pkcs8' }))
    return { signing_key, credentials: { public_key } }
  },
  sign(body, { now }, { signing_key }) {
    const timestamp = String(Math.floor(now.getTime() / 1000))
    const signature = sign(null, Buffer.concat([Buffer.from(timestamp), body]), signing_key)
    return {
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Discord-Webhook/1.0 (+https://discord.com)',
        'x-signature-ed25519': signature.toString('hex'),
        'x-signature-timestamp': timestamp,
      },
    }
  },
}
