/**
 * What a load makes the platform do and keep, in a steady state: as many deliveries are deleted as come in. Counted by
 * test/worker/cost.test.ts where docs/architecture.md has it; the rest is measured or worked out in docs/scaling.md.
 */
import type { Load } from './load.ts'
import { OBJECT_GB, OPERATION_RATES, type Operation, PLAN_DOLLARS, price, STORAGE_RATES, type Store } from './prices.ts'

export const DAYS_PER_MONTH = 30
const MINUTES_PER_DAY = 24 * 60
const SECONDS_PER_DAY = MINUTES_PER_DAY * 60

/** Of wide messages: what the Worker calls itself, and what one queue message takes along. */
const DIRECT_ENDPOINTS = 20
const ENDPOINTS_PER_QUEUE_MESSAGE = 20
/** Written, read, deleted; each counts once for every 64 KB. */
const OPERATIONS_PER_QUEUE_MESSAGE = 3
const QUEUE_UNIT_BYTES = 64_000
/** Beyond it the payload of a wide message goes by way of R2 (`QUEUED_BYTES_MAX`). */
const QUEUED_BYTES_MAX = 72 * 1024

/** An Endpoint stays awake until it has written to the read model, a second later, and for the attempt. */
const AWAKE_S = 1.1
/** Measured on one thread that had D1 and all objects too, so more than is billed: a message and its first delivery, and each further one. */
export const CPU_MS_PER_MESSAGE = 1
const CPU_MS_PER_FURTHER_DELIVERY = 0.5

/** Measured with SQLite: index included. */
const D1_ROW_BYTES = 150
const D1_KEYED_ROW_BYTES = 234
const OBJECT_ROW_BYTES = 1_040
const ATTEMPT_BYTES = 500

interface Traffic {
  deliveries_per_day: number
  attempts_per_day: number
  /** Of one object, an endpoint or a lane of it. */
  deliveries_per_object_and_day: number
  fanout_messages_per_day: number
  large_messages_per_day: number
}

export interface Estimate {
  traffic: Traffic
  /** In a month. */
  operations: Record<Operation, number>
  /** In bytes, once the oldest have reached their age. */
  storage: Record<Store, number>
  dollars: {
    operations: Record<Operation, number>
    storage: Record<Store, number>
    /** What an account pays that has nothing else: with the plan, less what it includes, without what is not billed yet. */
    month: number
    /** Each million messages by the list, nothing included, analytics counted: comparable from size to size. */
    list_per_million: number
  }
}

/** Deliveries and messages of a day, by where they go. */
function trafficOf(load: Load): Traffic {
  const deliveries_per_day = load.messages_per_day * load.endpoints
  return {
    deliveries_per_day,
    attempts_per_day: deliveries_per_day * (1 + load.retry_rate),
    deliveries_per_object_and_day: deliveries_per_day / load.objects,
    fanout_messages_per_day:
      load.messages_per_day * Math.ceil(Math.max(0, load.endpoints - DIRECT_ENDPOINTS) / ENDPOINTS_PER_QUEUE_MESSAGE),
    large_messages_per_day: load.messages_per_day * load.large_share,
  }
}

/** Operations, bytes and dollars of a load. */
export function estimate(load: Load): Estimate {
  const traffic = trafficOf(load)
  const operations = operationsOf(load, traffic)
  const storage = storageOf(load, traffic)
  const of = (basis: 'account' | 'list') => ({
    operations: mapValues(operations, (quantity, name) => price(quantity, OPERATION_RATES[name], basis)),
    storage: mapValues(storage, (quantity, name) => price(quantity, STORAGE_RATES[name], basis)),
  })
  const [account, list] = [of('account'), of('list')]
  const months_messages = load.messages_per_day * DAYS_PER_MONTH
  return {
    traffic,
    operations,
    storage,
    dollars: {
      ...account,
      month: PLAN_DOLLARS + sum(account.operations) + sum(account.storage) - account.operations.analytics_points,
      list_per_million: ((sum(list.operations) + sum(list.storage)) / months_messages) * 1_000_000,
    },
  }
}

function operationsOf(load: Load, traffic: Traffic): Record<Operation, number> {
  const { deliveries_per_day: deliveries, attempts_per_day: attempts } = traffic
  const messages = load.messages_per_day
  const retries = attempts - deliveries
  const minutes = activeMinutes(traffic, load)
  const queued_bytes = load.payload_bytes > QUEUED_BYTES_MAX ? 0 : load.payload_bytes
  const per_fanout = OPERATIONS_PER_QUEUE_MESSAGE * Math.max(1, Math.ceil(queued_bytes / QUEUE_UNIT_BYTES))
  // An enqueue for each delivery, a wake for each retry, an alarm for each minute in which something came.
  const object_requests = deliveries + retries + minutes
  const day: Record<Operation, number> = {
    worker_requests: messages,
    worker_cpu_ms: messages * CPU_MS_PER_MESSAGE + (attempts - messages) * CPU_MS_PER_FURTHER_DELIVERY,
    object_requests,
    object_gb_s: OBJECT_GB * Math.min(load.objects * SECONDS_PER_DAY, attempts * AWAKE_S),
    // Insert, update, deletion; the alarm of a minute, and the next; a retry: update, due time and journal in and out.
    object_rows_written: deliveries * (3 + load.keyed_share) + minutes * 2 + retries * 5,
    object_rows_read: 0,
    // The row and its deletion; of a retry, the row and an index in and out.
    d1_rows_written: deliveries * (2 + load.keyed_share) + retries * 3,
    // At worst every publish finds its tenant cold: key, tenant, subscriptions.
    d1_rows_read: messages * (2 + load.endpoints),
    queue_operations: traffic.fanout_messages_per_day * per_fanout + retries * OPERATIONS_PER_QUEUE_MESSAGE,
    r2_class_a: traffic.large_messages_per_day,
    r2_class_b: attempts * load.large_share,
    log_events: (messages + object_requests) * load.log_share,
    analytics_points: attempts,
  }
  return mapValues(day, (quantity) => quantity * DAYS_PER_MONTH)
}

function storageOf(load: Load, traffic: Traffic): Record<Store, number> {
  const kept = traffic.deliveries_per_day * load.retention_days
  const d1_row = D1_ROW_BYTES + load.keyed_share * (D1_KEYED_ROW_BYTES - D1_ROW_BYTES)
  return {
    d1: kept * d1_row,
    objects: kept * objectBytes(load),
    r2: traffic.large_messages_per_day * load.retention_days * load.large_bytes,
  }
}

/** What a delivery leaves in its object. */
function objectBytes(load: Load): number {
  return OBJECT_ROW_BYTES + (1 - load.large_share) * load.payload_bytes + load.retry_rate * ATTEMPT_BYTES
}

/** Minutes of a day in which an object has something to do, of all objects: as many as come in at even distances can fill. */
function activeMinutes({ deliveries_per_object_and_day }: Traffic, { objects }: Load): number {
  return objects * Math.min(MINUTES_PER_DAY, deliveries_per_object_and_day)
}

function mapValues<Key extends string>(
  values: Record<Key, number>,
  change: (value: number, key: Key) => number,
): Record<Key, number> {
  const entries = Object.entries<number>(values) as [Key, number][]
  return Object.fromEntries(entries.map(([key, value]) => [key, change(value, key)])) as Record<Key, number>
}

function sum(values: Record<string, number>): number {
  return Object.values(values).reduce((total, value) => total + value, 0)
}
