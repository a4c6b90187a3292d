import { describe, expect, it } from 'vitest'
import { judgeParts, PARTS, type Part } from '../../../src/health/readiness.ts'

const WELL = { status: 'ok' } as const
const OFF = { status: 'off' } as const

function without(...broken: Part[]) {
  const parts = PARTS.map((part) => [part, { status: broken.includes(part) ? 'failed' : 'ok' } as const])
  return Object.fromEntries(parts) as Record<Part, { status: 'ok' | 'failed' }>
}

describe('what the parts say together', () => {
  it.each<[Part[], string, string]>([
    [[], 'ok', 'full'],
    [['database'], 'degraded', 'limited'],
    [['endpoints'], 'degraded', 'limited'],
    [['payloads'], 'degraded', 'limited'],
    [['queues'], 'degraded', 'full'],
    [['queues', 'payloads'], 'degraded', 'limited'],
    [['database', 'queues', 'payloads'], 'degraded', 'limited'],
    [['endpoints', 'queues'], 'down', 'none'],
    [['database', 'endpoints'], 'down', 'none'],
    [[...PARTS], 'down', 'none'],
  ])('without %j it is %s, and publishing is %s', (broken, status, publishing) => {
    expect(judgeParts(without(...broken), OFF)).toEqual({ status, publishing })
  })

  it('a part that answers too late is as good as one that fails', () => {
    expect(judgeParts({ ...without(), payloads: { status: 'timeout' } }, OFF).status).toBe('degraded')
  })

  it.each(['failing', 'stale'] as const)(
    'with a canary that is %s it is degraded, and publishing stays full',
    (status) => {
      expect(judgeParts(without(), { status })).toEqual({ status: 'degraded', publishing: 'full' })
    },
  )

  it.each(['off', 'waiting', 'unknown', 'ok'] as const)('a canary that is %s takes nothing away', (status) => {
    expect(judgeParts(without(), { status })).toEqual({ status: WELL.status, publishing: 'full' })
  })
})
