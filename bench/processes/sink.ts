/**
 * The receivers, in a process of their own: answer 200 at once, and note when each message of the
 * present run arrived. The first part of a path is the group that it counts for; `/hanging/…` reads
 * and never answers.
 */
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { type Latency, summarize } from '../measure.ts'
import { Framing } from './framing.ts'
import { clock, readMark } from './message.ts'
import { serve } from './rpc.ts'

const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok')

interface Group {
  /** Arrivals by number of message: fan-out makes several of one. */
  arrivals: Map<number, number>
  latencies: number[]
  count: number
  last_at: number
}

let run = 0
let groups = new Map<string, Group>()
let cpu = process.cpuUsage()
let began_at = clock()

const server = createServer((socket) => {
  const framing = new Framing()
  socket.setNoDelay(true)
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    for (const { head, body } of framing.push(bytes)) {
      const name = head.slice(6, head.indexOf('/', 6))
      note(name, body)
      if (name !== 'hanging') socket.write(ANSWER)
    }
  })
})

function note(name: string, body: Buffer): void {
  const mark = readMark(body)
  if (mark === null || mark.run !== run) return
  const group: Group = groups.get(name) ?? { arrivals: new Map(), latencies: [], count: 0, last_at: 0 }
  groups.set(name, group)
  group.count++
  group.arrivals.set(mark.number, (group.arrivals.get(mark.number) ?? 0) + 1)
  group.last_at = clock()
  group.latencies.push(group.last_at - mark.sent_at)
}

async function listen(): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, resolve))
  return (server.address() as AddressInfo).port
}

/** From now on counts messages of this run, and only these. */
function begin(next_run: number): void {
  run = next_run
  groups = new Map()
  cpu = process.cpuUsage()
  began_at = clock()
}

function count(name: string): number {
  return groups.get(name)?.count ?? 0
}

export interface SinkReport {
  /** Requests that arrived. */
  count: number
  /** Different messages among them. */
  messages: number
  /** By the clock that all processes share. */
  last_at: number
  /** From sending the publish to receiving the delivery. */
  latency: Latency
  cpu_share: number
}

function report(name: string): SinkReport {
  const group = groups.get(name)
  const { user, system } = process.cpuUsage(cpu)
  return {
    count: group?.count ?? 0,
    messages: group?.arrivals.size ?? 0,
    last_at: group?.last_at ?? 0,
    latency: summarize(group?.latencies ?? []),
    cpu_share: (user + system) / 1000 / (clock() - began_at),
  }
}

const calls = { listen, begin, count, report }
export type SinkCalls = typeof calls
serve(calls)
