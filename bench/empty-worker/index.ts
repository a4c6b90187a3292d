/**
 * The yardstick: an empty Hono route on the same workerd, with the same bindings and compatibility
 * settings as Postern, so that a ratio says what Postern adds.
 */
import { Hono } from 'hono'

const app = new Hono().post('/empty', (c) => c.json({ accepted: true }, 202))

export default { fetch: app.fetch, queue: () => {} }

/** wrangler.toml names them. */
export class Endpoint {}
export class Quota {}
