/** Dollars for a million delivered messages: operations counted, times published prices. */
import { ALONE, AWAKE_S, IN_A_STREAM, LATER, OBSERVED } from '../operations.ts'
import { OBJECT_GB, type Operation, PRICES } from '../prices.ts'
import type { Figure } from '../report.ts'
import type { Scenario } from '../scenario.ts'

/** Rates at which the time that an Endpoint is awake is shared. */
const RATES_PER_S = [1, 10, 100]
const BUDGET = 6
const BUDGET_AT_PER_S = 10

export const cost: Scenario = {
  name: 'cost',
  async run(stage) {
    const tenant = await stage.tenant()
    const event_types = await tenant.endpoints(1)
    await stage.deliver(tenant, { event_types })
    // All of workerd, with the storage that it emulates: more than Cloudflare would bill as CPU time.
    const { publish } = await stage.deliver(tenant, { event_types })
    const worker_cpu_ms = publish.cpu_ms
    const figures: Figure[] = []
    for (const rate of RATES_PER_S) {
      const operations = { ...IN_A_STREAM, worker_cpu_ms, object_gb_s: OBJECT_GB * Math.min(AWAKE_S, 1 / rate) }
      figures.push({
        name: `a million messages in a stream of ${rate}/s`,
        unit: '$',
        value: dollars(operations),
        ...(rate === BUDGET_AT_PER_S && { budget: { of: 'value', at_most: BUDGET } }),
      })
    }
    const alone = { ...ALONE, worker_cpu_ms, object_gb_s: OBJECT_GB * AWAKE_S }
    figures.push(
      { name: 'a million messages, each alone in its minute', unit: '$', value: dollars(alone) },
      { name: 'later, when retention deletes them: more', unit: '$', value: dollars(LATER) },
      { name: 'while Workers Logs keeps every invocation: more', unit: '$', value: dollars(OBSERVED) },
    )
    const stream = { ...IN_A_STREAM, worker_cpu_ms, object_gb_s: OBJECT_GB / BUDGET_AT_PER_S }
    return { figures, notes: ['for a million messages:', ...lines({ stream, alone })] }
  },
}

type Counted = Partial<Record<Operation, number>>

function dollars(counted: Counted): number {
  return entries(counted).reduce((sum, [operation, count]) => sum + count * PRICES[operation], 0)
}

function lines({ stream, alone }: { stream: Counted; alone: Counted }): string[] {
  const operations = [...new Set([...entries(stream), ...entries(alone)].map(([operation]) => operation))]
  const cell = (counted: Counted, operation: Operation) => {
    const count = counted[operation] ?? 0
    return `${count.toPrecision(3).padStart(7)} M  $${(count * PRICES[operation]).toFixed(2)}`
  }
  return [
    `${'operation'.padEnd(20)}${'price'.padStart(9)}   ${`stream of ${BUDGET_AT_PER_S}/s`.padStart(16)}   ${'alone'.padStart(16)}`,
    ...operations.map((operation) => {
      const price = `$${PRICES[operation]}/M`
      return `${operation.padEnd(20)}${price.padStart(9)}   ${cell(stream, operation).padStart(16)}   ${cell(alone, operation).padStart(16)}`
    }),
  ]
}

function entries(counted: Counted): [Operation, number][] {
  return Object.entries(counted) as [Operation, number][]
}
