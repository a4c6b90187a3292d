/**
 * Runs the gateway in a process of its own, so that tests and benches can measure and kill it:
 * `node scripts/serve.ts '<options as JSON>'`. Says `ready` on standard output, logs on standard
 * error, and ends with its parent.
 */

import { startGateway } from './gateway.ts'

const options = JSON.parse(process.argv[2] ?? '{}')
const gateway = await startGateway({ ...options, on_log: (line) => process.stderr.write(`${line}\n`) })
if (!gateway.ok) {
  process.stderr.write(`port ${options.port} is taken\n`)
  process.exit(1)
}

async function stop(): Promise<never> {
  if (gateway.ok) await gateway.value.stop()
  process.exit(0)
}

process.once('SIGTERM', stop)
process.stdin.once('end', stop).resume()
process.stdout.write('ready\n')
