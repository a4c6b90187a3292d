import { env } from 'cloudflare:workers'
import { readSettings } from '../../src/env.ts'
import { unseal } from '../../src/lib/keyring.ts'
import { secretContext } from '../../src/signatures/sealed-secret.ts'

/** The secret of an endpoint that no route shows. */
export async function openSecretOf(endpoint_id: string): Promise<string> {
  const row = await env.DB.prepare("SELECT tenant_id, secrets ->> '$[0].sealed' AS sealed FROM endpoints WHERE id = ?")
    .bind(endpoint_id)
    .first<{ tenant_id: string; sealed: string }>()
  if (row === null) throw new Error('there is no such endpoint')
  const secret = await unseal(readSettings(env).keyring, row.sealed, secretContext({ ...row, endpoint_id }))
  if (!secret.ok) throw new Error(secret.error)
  return secret.value
}
