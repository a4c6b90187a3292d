import { type Keyring, unseal } from '../../src/lib/keyring.ts'
import { err, ok, type Result } from '../../src/lib/result.ts'
import type { Report } from '../../src/report.ts'
import { liveSecrets, secretContext } from '../../src/signatures/sealed-secret.ts'
import { importSigningKey, type SigningKey } from '../../src/signatures/standard-webhooks.ts'
import { reportUnsealable } from './report-unsealable.ts'
import type { EndpointSettings, SealedSecret } from './rpc.ts'

type Owner = Pick<EndpointSettings, 'tenant_id' | 'endpoint_id' | 'secrets'>

interface Means {
  keyring: Keyring
  report: Report
}

/** Imported keys by owner and sealed secret, so that a busy endpoint decrypts its secret once per isolate. */
const imported = new Map<string, SigningKey>()
const IMPORTED_MAX = 1000

/** The keys that sign now: the current secret first, then those whose overlap has not ended. */
export async function signingKeys(owner: Owner, means: Means, now: number): Promise<Result<SigningKey[], string>> {
  const keys: SigningKey[] = []
  for (const secret of liveSecrets(owner.secrets, now)) {
    const key = imported.get(nameOf(secret, owner)) ?? (await importSealed(secret, owner, means))
    if (key === null) return err('a signing secret could not be decrypted: is its master key still configured?')
    keys.push(key)
  }
  return keys.length > 0 ? ok(keys) : err('the endpoint has no signing secret')
}

async function importSealed(
  secret: SealedSecret,
  owner: Owner,
  { keyring, report }: Means,
): Promise<SigningKey | null> {
  const text = await unseal(keyring, secret.sealed, secretContext(owner))
  if (!text.ok) {
    reportUnsealable(report, owner, secret.sealed, text.error)
    return null
  }
  const key = await importSigningKey(text.value)
  if (!key.ok) return null
  if (imported.size >= IMPORTED_MAX) imported.clear()
  imported.set(nameOf(secret, owner), key.value)
  return key.value
}

/** The owner too: a sealed secret that was moved to another endpoint must not open there because it is known here. */
function nameOf({ sealed }: SealedSecret, owner: Owner): string {
  return `${secretContext(owner)}/${sealed}`
}
