/** What somebody expects of a gateway, as `npm run capacity` takes it. */
import { z } from 'zod'

/** Above it a payload lies in R2 (`INLINE_BYTES_MAX` of src/messages/body.ts). */
const INLINE_KIB_MAX = 96
/** As the API allows (`lanes` of an endpoint). */
const LANES_MAX = 16

const positive = z.coerce.number({ error: 'has to be a number above 0' }).positive()
const share = z.coerce.number().min(0).max(1)

export const loadSchema = z
  .strictObject({
    'messages-per-day': positive,
    /** That each message goes to. */
    endpoints: positive.default(1),
    /** Among which all deliveries are spread evenly; without it, all messages go to the same ones. */
    'endpoints-in-all': positive.optional(),
    lanes: z.coerce.number().int().min(1).max(LANES_MAX).default(1),
    'payload-kb': z.coerce.number().min(0).max(INLINE_KIB_MAX).default(1),
    /** Of messages, that have `large-kb` instead. */
    'large-share': share.default(0),
    'large-kb': z.coerce.number().gt(INLINE_KIB_MAX).default(256),
    /** Of messages, that have an idempotency key or came through a source. */
    'keyed-share': share.default(0),
    /** Repeated attempts for each delivery. */
    'retry-rate': z.coerce.number().min(0).default(0.02),
    'retention-days': positive.default(30),
    /** The busiest second, against the average. */
    peak: z.coerce.number().min(1).default(4),
    /** `head_sampling_rate` of `[observability]`. */
    'log-share': share.default(1),
    /** 0.1: a tenth more each month. */
    'growth-per-month': z.coerce.number().min(0).default(0.1),
  })
  .refine((load) => (load['endpoints-in-all'] ?? load.endpoints) >= load.endpoints, {
    path: ['endpoints-in-all'],
    error: 'is fewer than each message goes to',
  })
  .transform((load) => ({
    messages_per_day: load['messages-per-day'],
    endpoints: load.endpoints,
    objects: (load['endpoints-in-all'] ?? load.endpoints) * load.lanes,
    payload_bytes: load['payload-kb'] * 1024,
    large_share: load['large-share'],
    large_bytes: load['large-kb'] * 1024,
    keyed_share: load['keyed-share'],
    retry_rate: load['retry-rate'],
    retention_days: load['retention-days'],
    peak: load.peak,
    log_share: load['log-share'],
    growth_per_month: load['growth-per-month'],
  }))

export type Load = z.output<typeof loadSchema>
