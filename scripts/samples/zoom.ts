import { createHmac, randomBytes } from 'node:crypto'
import type { Occasion, Sampler } from './sampler.ts'

/** https://developers.zoom.us/docs/api/meetings/events/ */
const event = ({ type, id, now }: Occasion, object: Record<string, unknown>) =>
  JSON.stringify({
    event: type,
    event_ts: now.getTime(),
    payload: {
      account_id: 'AAAAAABBBB',
      object: { uuid: id, id: '1234567890', host_id: 'x1yCzABCDEfg23HiJKl4mN', ...object },
    },
  })

export const zoom: Sampler = {
  events: {
    'meeting.started': (occasion) =>
      event(occasion, { topic: 'My Meeting', type: 8, start_time: '2021-07-13T21:44:51Z', duration: 60 }),
    'meeting.participant_joined': (occasion) =>
      event(occasion, {
        topic: 'My Meeting',
        type: 8,
        participant: { user_id: '1234567890', user_name: 'Jill Chill', join_time: '2021-07-13T21:44:51Z' },
      }),
    'recording.completed': (occasion) =>
      event(occasion, { topic: 'My Personal Recording', type: 4, total_size: 3328371, recording_count: 2 }),
  },
  invent() {
    const secret = randomBytes(16).toString('base64url')
    return { signing_key: secret, credentials: { secret } }
  },
  sign(body, { now }, { signing_key }) {
    const timestamp = String(Math.floor(now.getTime() / 1000))
    const code = createHmac('sha256', signing_key).update(`v0:${timestamp}:`).update(body).digest('hex')
    return {
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'user-agent': 'Zoom Marketplace/1.0a',
        'x-zm-request-timestamp': timestamp,
        'x-zm-signature': `v0=${code}`,
      },
    }
  },
}
