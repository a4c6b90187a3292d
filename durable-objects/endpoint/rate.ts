/** A token bucket: `per_s` attempts a second in the long run, and at most a tenth of a second's worth (or one) at once. */
export interface Bucket {
  readonly tokens: number
  readonly refilled_at: number
}

/** A full bucket. */
export function fullBucket(per_s: number, now: number): Bucket {
  return { tokens: burst(per_s), refilled_at: now }
}

/** The bucket as it stands now. A clock that went back earns nothing. */
export function refill(bucket: Bucket, per_s: number, now: number): Bucket {
  const earned = (Math.max(0, now - bucket.refilled_at) * per_s) / 1000
  return { tokens: Math.min(burst(per_s), bucket.tokens + earned), refilled_at: now }
}

/** Milliseconds until a whole token is there. */
export function untilToken(bucket: Bucket, per_s: number): number {
  return Math.max(0, Math.ceil(((1 - bucket.tokens) * 1000) / per_s))
}

// A whole second's worth at once would let the first second see twice the limit.
function burst(per_s: number): number {
  return Math.max(1, per_s / 10)
}
