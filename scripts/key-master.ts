/** `npm run key:master`: makes an entry for MASTER_KEYS, and keeps it nowhere. */

import { randomBytes } from 'node:crypto'
import { fail, readOptions, say } from './terminal.ts'

const KEY_BYTES = 32

const { id } = readOptions({
  /** Never one that was used before, even for a key that is gone. By default the day. */
  id: { type: 'string', default: `k${new Date().toISOString().slice(0, 10).replaceAll('-', '')}` },
})
if (!/^[A-Za-z0-9_-]{1,32}$/.test(id)) fail(`--id ${id} is not 1 to 32 letters, digits, _ or -`)

say(
  'A master key, kept nowhere: put it into your password store first, then in front of MASTER_KEYS (docs/master-keys.md).',
)
say()
process.stdout.write(`${id}:${randomBytes(KEY_BYTES).toString('base64')}\n`)
