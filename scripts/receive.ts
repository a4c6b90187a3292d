/** `npm run receiver -- --port 9000 --secret whsec_…`: a place to send webhooks to, that shows and verifies them. */

import { parseArgs } from 'node:util'
import { Receiver } from './receiver.ts'
import { announce, fail, say } from './terminal.ts'

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '9000' },
    secret: { type: 'string' },
  },
})

const { port, secret } = options
try {
  const receiver = new Receiver({
    port: Number(port),
    on_arrival: announce,
    ...(secret === undefined ? {} : { secret }),
  })
  await receiver.up()
  say(`Receiving on ${receiver.url('/')}${secret === undefined ? ', without checking signatures' : ''}`)
} catch (error) {
  fail(`Cannot receive on port ${port}: ${(error as Error).message}`)
}
