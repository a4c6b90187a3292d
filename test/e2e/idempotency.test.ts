import { describe, expect, it } from 'vitest'
import { range, Tenant, usePostern, waitFor } from './harness.ts'

const RACERS = 50

const shared = usePostern()

describe('Idempotency-Key', () => {
  it('makes one message of 50 racing publishes, and delivers it once', async () => {
    const { gateway, receiver } = shared
    const tenant = await Tenant.create(gateway.operator, 'racers')
    const endpoint = await tenant.endpoint(receiver, '/once')
    const message = { type: 'order.paid', data: { order: 1842 } }
    const answers = await Promise.all(
      range(RACERS).map(() => tenant.publish(message, { 'idempotency-key': 'order-1842-paid' })),
    )
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]))
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1)
    expect(answers.filter((answer) => !answer.body.duplicate)).toHaveLength(1)
    await waitFor(() => receiver.accepted('/once').length > 0, { limit_ms: 10_000, what: 'The arrival' })
    await endpoint.finished()
    expect(receiver.arrivals('/once')).toHaveLength(1)
  })

  it('lets one of two bodies win a race and answers 409 to the other', async () => {
    const { gateway, receiver } = shared
    const tenant = await Tenant.create(gateway.operator, 'rivals')
    const endpoint = await tenant.endpoint(receiver, '/rivals')
    const answers = await Promise.all(
      range(RACERS).map(async (i) => {
        const side = i % 2 === 0 ? 'left' : 'right'
        const answer = await tenant.publish({ type: 'order.paid', data: { side } }, { 'idempotency-key': 'rivals' })
        return { side, status: answer.status }
      }),
    )
    await endpoint.finished()
    const winners = new Set(answers.filter((answer) => answer.status === 202).map((answer) => answer.side))
    const losers = new Set(answers.filter((answer) => answer.status === 409).map((answer) => answer.side))
    expect(winners.size).toBe(1)
    expect(losers).toEqual(new Set(winners.has('left') ? ['right'] : ['left']))
    expect(answers.filter((answer) => answer.status === 202)).toHaveLength(RACERS / 2)
    const delivered = receiver.accepted('/rivals').map((arrival) => JSON.parse(arrival.body).data.side)
    expect(delivered).toEqual([...winners])
  })
})
