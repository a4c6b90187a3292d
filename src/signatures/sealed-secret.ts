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
