/** `npm start`: Postern on this machine, with a demo that proves that it works. */

import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { buildWorker } from './build.ts'
import { Client } from './client.ts'
import { ensureDemo, greet } from './demo.ts'
import { type Gateway, startGateway } from './gateway.ts'
import { takeLock } from './lock.ts'
import { type Arrival, Receiver } from './receiver.ts'
import { ensureSecrets, readDemo, writeDemo } from './state.ts'
import { announce, done, fail, heading, paint, readOptions, say } from './terminal.ts'

const options = readOptions({
  /** Ends when the demo message has arrived. */
  once: { type: 'boolean', default: false },
  /** Where everything is kept. */
  state: { type: 'string', default: process.env.POSTERN_STATE ?? '.postern' },
})

const port = readPort('PORT', 8787)
const demo_file = join(options.state, 'demo.json')
const log_file = join(options.state, 'gateway.log')

try {
  await start()
} catch (error) {
  fail(`${(error as Error).message}\n    The gateway's log: ${log_file}`)
}

async function start(): Promise<void> {
  say()
  say(paint('bold', 'Postern'))
  say()
  await mkdir(options.state, { recursive: true })
  lockState()
  const secrets = await ensureSecrets(join(options.state, 'secrets.json'))
  const gateway = await buildAndStart({ ...secrets })
  const known = await readDemo(demo_file)
  const receiver = await startReceiver(known?.receiver_port)
  stopOnSignal(gateway, receiver)

  const operator = new Client(gateway.url, secrets.POSTERN_OPERATOR_KEY)
  const demo = await ensureDemo(operator, receiver, known)
  await writeDemo(demo_file, demo.state)
  done('demo', demo.created ? 'tenant, API key and endpoint made' : 'tenant, API key and endpoint kept from last time')
  const { arrival, took_ms } = await greet(demo.client, receiver)
  if (arrival.verified !== true) throw new Error('The message arrived with a signature that does not verify')
  done('delivered', `${arrival.webhook_id} in ${took_ms} ms`)
  showArrival(arrival, receiver)

  if (options.once) return stop(gateway, receiver)
  showNextSteps(gateway.url, demo.state.api_key)
  receiver.on_arrival = announce
}

/** Two gateways on the same storage would be two owners of each Endpoint. */
function lockState(): void {
  const owner_pid = takeLock(join(options.state, 'lock'))
  if (owner_pid === null) return
  fail(
    `Another gateway (process ${owner_pid}) uses ${options.state}. Stop it, or choose another place: npm start -- --state DIR`,
  )
}

async function buildAndStart(bindings: Record<string, string>): Promise<Gateway> {
  const started_at = performance.now()
  const worker_dir = join(options.state, 'worker')
  await buildWorker(worker_dir)
  done('built', `in ${((performance.now() - started_at) / 1000).toFixed(1)} s`)
  const log = createWriteStream(log_file)
  const on_log = (line: string) => log.write(`${line}\n`)
  const gateway = await startGateway({ worker_dir, state_dir: options.state, port, bindings, on_log })
  if (!gateway.ok) {
    fail(`Port ${port} is taken by another program. Choose another one: PORT=${port + 1} npm start`)
  }
  const { migrated, url } = gateway.value
  done('database', migrated.length === 0 ? 'up to date' : `migrated: ${migrated.join(', ')}`)
  done('gateway', url)
  return gateway.value
}

/** On the port of the last run if it is free, so that endpoints made by hand go on working. */
async function startReceiver(last_port: number | undefined): Promise<Receiver> {
  const wanted_port = readPort('RECEIVER_PORT', 0)
  for (const port of wanted_port === 0 ? [last_port ?? 0, 0] : [wanted_port]) {
    const receiver = new Receiver({ port })
    const is_up = await receiver.up().then(
      () => true,
      () => false,
    )
    if (is_up) return receiver
  }
  fail(`Port ${wanted_port} for the receiver is taken by another program. Choose another one with RECEIVER_PORT`)
}

function showArrival(arrival: Arrival, receiver: Receiver): void {
  heading('What the receiver got')
  say(paint('dim', `POST ${receiver.url(arrival.path)}`))
  for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature', 'content-type', 'user-agent']) {
    const verdict = name === 'webhook-signature' ? paint('green', '  ✓ verified with standardwebhooks') : ''
    say(`${paint('dim', name.padEnd(18))} ${arrival.headers[name]}${verdict}`)
  }
  say()
  say(arrival.body)
}

function showNextSteps(url: string, key: string): void {
  heading('Try this next')
  say(paint('dim', '# publish a message; it shows up below'))
  say(`curl ${url}/v1/tenants/demo/messages \\`)
  say(`  -H 'authorization: Bearer ${key}' \\`)
  say(`  -H 'content-type: application/json' \\`)
  say(`  -d '{"type": "invoice.paid", "data": {"amount": 42}}'`)
  say()
  say(paint('dim', '# receive one as Stripe sends it; npm run send lists every provider'))
  say('npm run send -- stripe invoice.paid')
  say()
  say(paint('dim', '# what became of every delivery'))
  say(`curl ${url}/v1/tenants/demo/deliveries -H 'authorization: Bearer ${key}'`)
  say()
  say(`${paint('dim', 'API reference')}  ${url}/docs`)
  say(`${paint('dim', 'Operator key')}   ${join(options.state, 'secrets.json')}`)
  say(`${paint('dim', 'Ctrl-C stops it; the data stays in')} ${options.state}`)
  say()
}

function stopOnSignal(gateway: Gateway, receiver: Receiver): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop(gateway, receiver))
}

async function stop(gateway: Gateway, receiver: Receiver): Promise<never> {
  await Promise.all([gateway.stop(), receiver.down()])
  process.exit(0)
}

function readPort(name: 'PORT' | 'RECEIVER_PORT', fallback: number): number {
  const text = process.env[name]
  if (text === undefined || text === '') return fallback
  const number = Number(text)
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number
  fail(`${name}=${text} is not a port: use a number from 1 to 65535`)
}
