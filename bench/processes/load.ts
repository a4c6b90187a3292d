/**
 * The load generator, in a process of its own: keeps connections alive, one request at a time on
 * each, and costs so little that it is not what is measured (its CPU share is in every answer).
 */
import { type Latency, summarize } from '../measure.ts'
import { type Connection, open } from './connection.ts'
import { clock, mark } from './message.ts'
import { serve } from './rpc.ts'

/** Text that makes a message as long as a common webhook. */
const PADDING = 'x'.repeat(200)
/** How often a load of a given rate looks what is due. */
const TICK_MS = 1

export interface LoadOptions {
  port: number
  path: string
  key: string
  /** Event types; message i has the i-th, over and over. */
  event_types: string[]
  /** Marks the messages, see message.ts. */
  run: number
  connections: number
  /** Requests a second; as many as the connections take unless given. */
  rate_per_s?: number
  /** Ends after whichever comes first. */
  duration_ms?: number
  requests?: number
  /** Whole requests as they go over the wire, each sent once, in latin1: instead of messages of our own. */
  written?: string[]
}

export interface LoadReport {
  /** Answered 2xx. */
  accepted: number
  /** Answers other than 2xx, and broken connections, with how often. */
  refused: Record<string, number>
  began_at: number
  elapsed_ms: number
  per_s: number
  latency: Latency
  /** Of one core. Near 1 the generator measures itself. */
  cpu_share: number
}

async function load(options: LoadOptions): Promise<LoadReport> {
  const {
    event_types,
    written,
    rate_per_s,
    duration_ms = Number.POSITIVE_INFINITY,
    requests = written?.length ?? Number.POSITIVE_INFINITY,
  } = options
  const head = headOf(options)
  const latencies: number[] = []
  const refused: Record<string, number> = {}
  const connections = await Promise.all(Array.from({ length: options.connections }, () => open(options.port)))
  const cpu = process.cpuUsage()
  const began_at = clock()
  let sent = 0

  const write = (number: number, due_at: number): string => {
    const event_type = event_types[number % event_types.length] ?? ''
    const body = `{"type":"${event_type}","data":{${mark(options.run, number, due_at)},"text":"${PADDING}"}}`
    return `${head}content-length: ${body.length}\r\n\r\n${body}`
  }

  /** @param due_at what latency counts from: waiting for a free connection is part of it */
  const send = async (connection: Connection, due_at: number): Promise<void> => {
    const number = sent++
    const status = await connection.request(written === undefined ? write(number, due_at) : (written[number] ?? ''))
    if (status >= 200 && status < 300) latencies.push(clock() - due_at)
    else refused[status] = (refused[status] ?? 0) + 1
  }

  if (rate_per_s === undefined) {
    const isOver = () => sent >= requests || clock() - began_at >= duration_ms
    await Promise.all(
      connections.map(async (connection) => {
        while (!isOver()) await send(connection, clock())
      }),
    )
  } else {
    await sendAtRate(connections, Math.min(requests, (duration_ms / 1000) * rate_per_s), rate_per_s, send)
  }
  for (const connection of connections) connection.close()

  const elapsed_ms = clock() - began_at
  const { user, system } = process.cpuUsage(cpu)
  return {
    accepted: latencies.length,
    refused,
    began_at,
    elapsed_ms,
    per_s: (latencies.length / elapsed_ms) * 1000,
    latency: summarize(latencies),
    cpu_share: (user + system) / 1000 / elapsed_ms,
  }
}

/** Sends what is due when it is due, however long answers take: none is left out because others were late. */
async function sendAtRate(
  connections: readonly Connection[],
  count: number,
  rate_per_s: number,
  send: (connection: Connection, due_at: number) => Promise<void>,
): Promise<void> {
  const began_at = clock()
  const idle = [...connections]
  const waiting: number[] = []
  let under_way = 0
  const dispatch = () => {
    while (waiting.length > 0) {
      const connection = idle.pop()
      if (connection === undefined) return
      under_way++
      void send(connection, waiting.shift() ?? 0).then(() => {
        under_way--
        idle.push(connection)
        dispatch()
      })
    }
  }
  for (let made = 0; made < count || waiting.length > 0 || under_way > 0; ) {
    const now = clock()
    const due = Math.min(count, ((now - began_at) / 1000) * rate_per_s)
    for (; made < due; made++) waiting.push(now)
    dispatch()
    await new Promise((resolve) => setTimeout(resolve, TICK_MS))
  }
}

function headOf({ port, path, key }: LoadOptions): string {
  return [
    `POST ${path} HTTP/1.1`,
    `host: localhost:${port}`,
    `authorization: Bearer ${key}`,
    'content-type: application/json',
    '',
  ].join('\r\n')
}

export type LoadCalls = { load: typeof load }
serve({ load } satisfies LoadCalls)
