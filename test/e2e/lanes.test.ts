import { describe, expect, it } from 'vitest'
import type { Arrival } from '../../scripts/receiver.ts'
import { expectAgreement } from './faulty-postern.ts'
import { range, Tenant, usePostern, waitFor } from './harness.ts'
import { RepeatingPublishers } from './repeating-publishers.ts'

const KEYS = 20
const MESSAGES_PER_KEY = 20
const PATH = '/lanes'

const shared = usePostern()

const dataOf = ({ body }: Arrival): { line: number; seq: number } => JSON.parse(body).data

// Not all keys at once, and not often: a breaker that opens would hold up its lane for half a minute.
const refuseSome = (arrival: Arrival, times: number) => {
  const { line, seq } = dataOf(arrival)
  return times === 1 && (line * 7 + seq) % 20 === 3 ? 500 : 200
}

describe('the number of lanes', () => {
  it('changes under load, with a kill in between, and each key keeps its order and loses nothing', async () => {
    const { gateway, receiver } = shared
    const tenant = await Tenant.create(gateway.operator, 'spread')
    const endpoint = await tenant.endpoint(receiver, PATH, {
      ordering: 'key',
      max_in_flight: 32,
      retry_delays_s: [1, 1, 1],
    })
    receiver.become(PATH, { kind: 'choosy', status: refuseSome, delay_ms: 20 })
    const publishers = new RepeatingPublishers(tenant, 0)
    const setLanes = async (lanes: number) => {
      const path = `${tenant.path}/endpoints/${endpoint.id}`
      expect(await gateway.operator.patch(path, { lanes })).toMatchObject({ lanes })
    }

    const publishing = Promise.all(
      range(KEYS).map(async (line) => {
        for (const seq of range(MESSAGES_PER_KEY)) await publishers.publish(line, seq)
      }),
    )
    // A failure is told below; until then somebody has to hold it.
    publishing.catch(() => {})
    const part = (of: number) => publishedSoFar(publishers, of * KEYS * MESSAGES_PER_KEY)
    await part(0.2)
    await setLanes(4)
    await part(0.4)
    await setLanes(16)
    await part(0.6)
    const settled_before_kill = receiver.accepted(PATH).length
    await gateway.kill()
    expect(settled_before_kill, 'the kill finds something to cut off').toBeLessThan(publishers.accepted.size)
    await gateway.restart()
    await part(0.8)
    await setLanes(2)
    await publishing
    await allArrived(publishers)

    const received = new Set(receiver.accepted(PATH).map(({ webhook_id }) => webhook_id))
    expect([...publishers.accepted.difference(received)], 'lost').toEqual([])
    expect([...received.difference(publishers.accepted)], 'arrived unasked').toEqual([])
    expect(receiver.arrivals(PATH).filter(({ verified }) => !verified)).toEqual([])
    for (const line of range(KEYS)) {
      const seqs = seqsOf(line)
      expect([...new Set(seqs)], `first arrivals of key ${line}`).toEqual(range(new Set(seqs).size))
    }
    const deliveries = await expectAgreement(gateway.operator, tenant, [endpoint])
    expect(new Set(deliveries.map(({ state }) => state))).toEqual(new Set(['succeeded']))
    expect(deliveries, 'each is in one lane alone').toHaveLength(publishers.accepted.size)
  })
})

/** In the order of arrival. */
function seqsOf(line: number): number[] {
  const arrivals = shared.receiver.arrivals(PATH).map(dataOf)
  return arrivals.filter((data) => data.line === line).map(({ seq }) => seq)
}

function publishedSoFar(publishers: RepeatingPublishers, count: number): Promise<true> {
  return waitFor(() => publishers.accepted.size >= count, {
    limit_ms: 60_000,
    what: `The acceptance of ${count} messages`,
    interval_ms: 5,
  })
}

/**
 * A lane that was killed goes on when somebody calls it, or by its alarm, within a minute. Another message of
 * a key that is behind spares the test that minute.
 */
async function allArrived(publishers: RepeatingPublishers): Promise<void> {
  const published = range(KEYS).map(() => MESSAGES_PER_KEY)
  await waitFor(
    async () => {
      const behind = range(KEYS).filter((line) => new Set(seqsOf(line)).size < (published[line] ?? 0))
      if (behind.length === 0) return isAccepted(publishers.accepted)
      await Promise.all(
        behind.map(async (line) => {
          const seq = published[line] ?? 0
          published[line] = seq + 1
          await publishers.publish(line, seq)
        }),
      )
      return false
    },
    { limit_ms: 60_000, what: 'The arrival of everything that was accepted', interval_ms: 1000 },
    // What did not arrive is for the test to name.
  ).catch(() => {})
}

function isAccepted(ids: ReadonlySet<string>): boolean {
  return ids.isSubsetOf(new Set(shared.receiver.accepted(PATH).map(({ webhook_id }) => webhook_id)))
}
