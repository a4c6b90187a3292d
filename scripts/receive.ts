/** `npm run receiver -- --port 9000 --secret whsec_…`: a place to send webhooks to, that shows and verifies them. */

import { Receiver } from './receiver.ts'
import { announce, fail, readOptions, say } from './terminal.ts'

const options = readOptions({
  port: { type: 'string', default: '9000' },
  secret: { type: 'string' },
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
