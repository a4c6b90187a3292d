import jsonata from 'jsonata'
import { describe, expect, it } from 'vitest'
import { ONE_LANE } from '../../src/endpoints/lanes.ts'
import { createFilterSteps, type Matchable, matchSubscriptions, type Subscription } from '../../src/messages/match.ts'

const MESSAGE: Matchable = {
  event_type: 'invoice.paid',
  channels: [],
  data: { amount: 250, lines: [{ sku: 'a' }, { sku: 'b' }], note: '' },
  unreadable: null,
  headers: { 'x-region': 'eu' },
}

function subscription(wanted: Partial<Subscription> = {}): Subscription {
  return {
    endpoint_id: 'ep_1',
    settings_version: 3,
    event_types: ['*'],
    channels: null,
    filter: null,
    ordering: 'none',
    layout: ONE_LANE,
    ...wanted,
  }
}

async function gets(wanted: Partial<Subscription>, message: Partial<Matchable> = {}): Promise<boolean> {
  const targets = await matchSubscriptions([subscription(wanted)], { ...MESSAGE, ...message })
  return targets.length === 1
}

describe('an endpoint gets a message', () => {
  it.each([
    [['invoice.paid'], true],
    [['invoice.*'], true],
    [['order.placed', 'invoice.paid'], true],
    [['*'], true],
    [['invoice.created'], false],
    [['invoice'], false],
    [[], false],
  ])('when one of its event types, %j, matches: %s', async (event_types, expected) => {
    expect(await gets({ event_types })).toBe(expected)
  })

  it.each([
    ['a message without channels is for everybody', ['eu'], [], true],
    ['an endpoint without channels takes everything', null, ['eu'], true],
    ['neither has any', null, [], true],
    ['they share one', ['us', 'eu'], ['eu', 'apac'], true],
    ['they share none', ['us'], ['eu', 'apac'], false],
    ['case counts', ['EU'], ['eu'], false],
  ])('by its channels: %s', async (_what, channels, of_message, expected) => {
    expect(await gets({ channels }, { channels: of_message })).toBe(expected)
  })

  it('when type, channel and filter all agree', async () => {
    const wanted = { event_types: ['invoice.*'], channels: ['eu'], filter: 'data.amount > 100' }
    expect(await gets(wanted, { channels: ['eu'] })).toBe(true)
    expect(await gets({ ...wanted, filter: 'data.amount > 300' }, { channels: ['eu'] })).toBe(false)
    expect(await gets(wanted, { channels: ['us'] })).toBe(false)
    expect(await gets({ ...wanted, event_types: ['order.*'] }, { channels: ['eu'] })).toBe(false)
  })
})

describe('a filter', () => {
  it.each([
    'data.amount > 100',
    'data.amount > 300',
    'type = "invoice.paid"',
    'headers."x-region" = "eu"',
    'data.missing',
    'data.note',
    'data.lines',
    'data.lines[sku = "c"]',
    'data',
    '[]',
    '[0, false]',
    '[0, [1]]',
    '{}',
    '0',
    '"false"',
    'null',
    'true',
  ])('%s holds exactly when JSONata calls it true', async (filter) => {
    const input = { type: MESSAGE.event_type, data: MESSAGE.data, headers: MESSAGE.headers }
    const judged: unknown = await jsonata(`$boolean(${filter})`).evaluate(input)
    expect(await gets({ filter })).toBe(judged === true)
  })

  it.each([
    ['cannot be evaluated', 'data.amount + type'],
    ['cannot be read', 'data.amount >'],
    ['complains', '$error("no")'],
    ['never ends', '($f := function($n) { $f($n) }; $f(1))'],
  ])('that %s lets the message through and says why', async (_what, filter) => {
    const targets = await matchSubscriptions([subscription({ filter })], MESSAGE)
    expect(targets).toEqual([
      {
        endpoint_id: 'ep_1',
        settings_version: 3,
        layout: ONE_LANE,
        is_ordered: false,
        note: expect.stringMatching(/^filter_failed: \S/),
      },
    ])
  })

  it('says why in few words, whatever it complains about', async () => {
    const [target] = await matchSubscriptions([subscription({ filter: '$error($pad("why", 100000))' })], MESSAGE)
    expect(target?.note?.length).toBe(500)
  })

  it('has no note when all went well', async () => {
    const [target] = await matchSubscriptions([subscription({ filter: 'true' })], MESSAGE)
    expect(target?.note).toBeNull()
  })

  it('sees a text that is no JSON as it is', async () => {
    expect(await gets({ filter: 'data = "hello"' }, { data: 'hello' })).toBe(true)
  })
})

describe('the endpoints of a message', () => {
  it('are those that want it, in the order of their ids', async () => {
    const targets = await matchSubscriptions(
      [
        subscription({ endpoint_id: 'ep_3' }),
        subscription({ endpoint_id: 'ep_1' }),
        subscription({ endpoint_id: 'ep_2', event_types: ['order.*'] }),
        subscription({ endpoint_id: 'ep_0', filter: 'false' }),
      ],
      MESSAGE,
    )
    expect(targets.map(({ endpoint_id }) => endpoint_id)).toEqual(['ep_1', 'ep_3'])
  })

  it('are none when nobody subscribed', async () => {
    expect(await matchSubscriptions([], MESSAGE)).toEqual([])
  })
})

it('lets the filters of one request take no more together than it has, and lets through what was not judged', async () => {
  const filter = '$count($map([1..9000], function($n) { $n })) = 0'
  const steps = createFilterSteps()
  const targets = []
  for (let n = 0; n < 200; n++) targets.push(...(await matchSubscriptions([subscription({ filter })], MESSAGE, steps)))
  expect(targets.length).toBeGreaterThan(0)
  expect(targets.length).toBeLessThan(200)
  expect(targets.at(-1)?.note).toBe('filter_failed: together they take more than 1000000 steps')
})
