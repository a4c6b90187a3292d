/** What Cloudflare asks beyond what the plan includes, in dollars per million: the list is `scripts/capacity/prices.ts`. */
import { OPERATION_RATES, type Operation } from '../scripts/capacity/prices.ts'

export { OBJECT_GB, type Operation } from '../scripts/capacity/prices.ts'

const MILLION = 1_000_000

export const PRICES = Object.fromEntries(
  Object.entries(OPERATION_RATES).map(([operation, { dollars, per }]) => [operation, (dollars * MILLION) / per]),
) as Record<Operation, number>
