/** Signing secrets as they are stored: what the API, which makes them, and the Endpoint, which signs, must agree on. */

interface Owner {
  tenant_id: string
  endpoint_id: string
}

/** Associated data of the encryption: a sealed secret that is copied to another endpoint does not open there. */
export function secretContext({ tenant_id, endpoint_id }: Owner): string {
  return `${tenant_id}/${endpoint_id}`
}

/** The secrets that sign at this moment (Unix milliseconds), the current one first. */
export function liveSecrets<S extends { expires_at: number | null }>(secrets: readonly S[], now: number): S[] {
  return secrets.filter(({ expires_at }) => expires_at === null || expires_at > now)
}

/** What of the present secrets stays good beside a new one, for as long as `overlap_s` says. */
export function retire<S extends { expires_at: number | null }>(
  secrets: readonly S[],
  overlap_s: number,
  now: number,
): S[] {
  const ends_at = now + overlap_s * 1000
  // None outlives the overlap that its owner asks for now: after a leak that may be none at all.
  const retired = secrets.map((secret) => ({ ...secret, expires_at: Math.min(secret.expires_at ?? ends_at, ends_at) }))
  return liveSecrets(retired, now)
}
