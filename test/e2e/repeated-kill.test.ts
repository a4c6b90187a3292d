import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Arrival } from '../../scripts/receiver.ts'
import { expectAgreement } from './faulty-postern.ts'
import { type Endpoint, range, Tenant, usePostern, waitFor } from './harness.ts'
import { mulberry32 } from './random.ts'
import { RepeatingPublishers } from './repeating-publishers.ts'

// `npm run test:kill` makes it a minute.
const LOAD_MS = Number(process.env.POSTERN_KILL_SECONDS ?? 5) * 1000
const SEED = Number(process.env.POSTERN_KILL_SEED ?? randomInt(2 ** 31))

const LIFE_MS_MAX = 2_500
/** However slow the machine is. */
const KILLS_MIN = 2
const PUBLISHERS = 4
/** Between a receiver's answer and the moment when Postern has stored it; a machine under load is slow. */
const STORED_WITHIN_MS = 1_500
/** A line of its own, after those of the publishers. */
const NUDGES = PUBLISHERS

const shared = usePostern()

describe('kill -9 at random moments under load', () => {
  it('loses nothing that was answered 202, keeps order, and repeats only what a kill cut off', {
    timeout: LOAD_MS * 2 + 120_000,
  }, async () => {
    console.info(`to replay the moments: POSTERN_KILL_SEED=${SEED}`)
    const { gateway, receiver } = shared
    const tenant = await Tenant.create(gateway.operator, 'killed')
    // Now and then a kill finds a retry that only its Endpoint remembers. One holds up all that is behind it, hence fewer.
    const none = await target(tenant, '/none', 'none', ({ line, seq }) => line < PUBLISHERS && seq % 8 === 3)
    const key = await target(tenant, '/key', 'key', ({ line, seq }) => line < PUBLISHERS && seq % 64 === 3)
    const fifo = await target(tenant, '/fifo', 'fifo', ({ line, seq }) => line === 0 && seq % 64 === 3)
    const targets = [none, key, fifo]

    const publishers = new RepeatingPublishers(tenant, PUBLISHERS)
    const kills = await killRepeatedly()
    await publishers.stop()
    await drain(publishers, targets)

    for (const { path, endpoint } of targets) {
      await endpoint.finished()
      const received = new Set(receiver.accepted(path).map(({ webhook_id }) => webhook_id))
      expect([...publishers.accepted.difference(received)], `lost on the way to ${path}`).toEqual([])
      expect([...received.difference(publishers.accepted)], `arrived unasked at ${path}`).toEqual([])
      expect(receiver.arrivals(path).filter(({ verified }) => !verified)).toEqual([])
      expect(unexplained(receiver.arrivals(path), kills), `repeated at ${path} though no kill cut it off`).toEqual([])
    }
    for (const { path } of [key, fifo]) {
      for (const line of range(PUBLISHERS)) {
        const of_line = receiver
          .arrivals(path)
          .map(dataOf)
          .filter((data) => data.line === line)
        const seqs = of_line.map(({ seq }) => seq)
        expect(seqs, `the order of ordering key ${line} at ${path}`).toEqual(seqs.toSorted((a, b) => a - b))
      }
    }
    const turns = receiver.arrivals(fifo.path).map(({ webhook_id }) => webhook_id)
    expect(
      turns.filter((id, i) => id !== turns[i - 1]),
      'each message has its turn once',
    ).toHaveLength(new Set(turns).size)
    await expectAgreement(
      gateway.operator,
      tenant,
      targets.map(({ endpoint }) => endpoint),
    )

    const twice = targets.map(({ path }) => `${path} ${receiver.accepted(path).length - publishers.accepted.size}`)
    console.info(
      `${kills.length} kills; ${publishers.accepted.size} messages accepted, ${publishers.broken} requests without an ` +
        `answer, ${publishers.duplicates} answered as duplicates; arrived twice: ${twice.join(', ')}`,
    )
    expect(publishers.broken).toBeGreaterThan(0)
  })
})

interface Target {
  path: string
  endpoint: Endpoint
}

interface Data {
  line: number
  seq: number
}

/** @param fails which messages its receiver refuses the first time */
async function target(
  tenant: Tenant,
  path: string,
  ordering: 'none' | 'key' | 'fifo',
  fails: (data: Data) => boolean,
): Promise<Target> {
  const endpoint = await tenant.endpoint(shared.receiver, path, { ordering, retry_delays_s: [1, 1, 1] })
  const status = (arrival: Arrival, times: number) => (times === 1 && fails(dataOf(arrival)) ? 500 : 200)
  shared.receiver.become(path, { kind: 'choosy', status, delay_ms: 5 })
  return { path, endpoint }
}

interface Kill {
  from: number
  until: number
}

/** Lets Postern live for a while, kills it, starts it again, until the time is over. */
async function killRepeatedly(): Promise<Kill[]> {
  const random = mulberry32(SEED)
  const kills: Kill[] = []
  const began_at = performance.now()
  while (performance.now() - began_at < LOAD_MS || kills.length < KILLS_MIN) {
    await delay(random() * LIFE_MS_MAX)
    const from = Date.now()
    await shared.gateway.kill()
    kills.push({ from, until: Date.now() })
    await shared.gateway.restart()
  }
  return kills
}

/**
 * A restarted Endpoint goes on when somebody calls it, or by its alarm, within a minute. A message now and
 * then spares the test that minute.
 */
async function drain(publishers: RepeatingPublishers, targets: readonly Target[]): Promise<void> {
  let nudges = 0
  await waitFor(
    async () => {
      await publishers.publish(NUDGES, nudges++)
      return waitFor(() => targets.every(({ path }) => hasAll(path, publishers.accepted)), {
        limit_ms: 500,
        what: 'The end',
      }).then(
        () => true,
        () => false,
      )
    },
    { limit_ms: 60_000, what: 'The arrival of everything that was accepted' },
    // What did not arrive is for the test to name.
  ).catch(() => {})
}

function hasAll(path: string, ids: ReadonlySet<string>): boolean {
  return ids.isSubsetOf(new Set(shared.receiver.accepted(path).map(({ webhook_id }) => webhook_id)))
}

/** Arrivals of a message that had arrived before, other than a retry of a failure or what a kill made necessary. */
function unexplained(arrivals: readonly Arrival[], kills: readonly Kill[]): Arrival[] {
  const latest = new Map<string, Arrival>()
  return arrivals.filter((arrival) => {
    const before = latest.get(arrival.webhook_id)
    latest.set(arrival.webhook_id, arrival)
    if (before === undefined) return false
    if (before.status === 500 && numberOf(arrival) === numberOf(before) + 1) return false
    // What was cut off left no record, so it goes again under the same number.
    if (numberOf(arrival) !== numberOf(before)) return true
    return !kills.some(
      ({ from, until }) => before.at <= until && from - before.at <= STORED_WITHIN_MS && arrival.at >= from,
    )
  })
}

const numberOf = ({ headers }: Arrival): number => Number(headers['postern-attempt'])
const dataOf = ({ body }: Arrival): Data => JSON.parse(body).data
