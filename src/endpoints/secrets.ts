import type { SealedSecret } from '../../durable-objects/endpoint/rpc.ts'
import type { Deps } from '../deps.ts'
import { type Problem, problem } from '../http/problems.ts'
import { seal, unseal } from '../lib/keyring.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { report } from '../report.ts'
import { secretContext } from '../signatures/sealed-secret.ts'
import {
  createSecret,
  parseSecret,
  publicKeyOf,
  type SecretKind,
  type SecretRefusal,
} from '../signatures/standard-webhooks.ts'

/** A secret that may be shown. */
export interface OpenSecret {
  secret: string
  kind: SecretKind
  /** What receivers verify an Ed25519 signature with; null for a shared secret. */
  public_key: string | null
}

/** Which secret a caller wants: a new one of a kind, or their own. */
export interface WantedSecret {
  kind: SecretKind | undefined
  own: string | undefined
}

const REFUSALS: Record<SecretRefusal, string> = {
  unknown_prefix: 'a secret starts with whsec_ (HMAC) or whsk_ (Ed25519)',
  not_base64: 'what follows the prefix must be base64',
  wrong_length: 'an HMAC secret has 24 to 64 bytes, an Ed25519 key 32 or 64',
}

/** A secret that a caller wants: a new one, or their own once it was checked. */
export async function makeSecret(
  { random }: Deps,
  { kind, own }: WantedSecret,
  default_kind: SecretKind,
): Promise<Result<OpenSecret, Problem>> {
  if (own === undefined) {
    const wanted = kind ?? default_kind
    return ok({ kind: wanted, ...(await createSecret(wanted, random)) })
  }
  const parsed = parseSecret(own)
  if (!parsed.ok) return err(problem('invalid_secret', REFUSALS[parsed.error]))
  if (kind !== undefined && kind !== parsed.value.kind) {
    return err(problem('invalid_secret', `the secret is of the kind ${parsed.value.kind}, not ${kind}`))
  }
  return ok({ secret: own, kind: parsed.value.kind, public_key: await publicKeyOf(parsed.value) })
}

/** Encrypts a secret for one endpoint: sealed for another it does not open. */
export async function sealSecret(
  { settings, now }: Deps,
  tenant_id: string,
  endpoint_id: string,
  { secret, kind }: OpenSecret,
): Promise<SealedSecret> {
  const sealed = await seal(settings.keyring, secret, secretContext({ tenant_id, endpoint_id }))
  return { kind, sealed, created_at: now(), expires_at: null }
}

/** Decrypts a secret of this endpoint; refused when its master key is gone. */
export async function openSecret(
  deps: Deps,
  tenant_id: string,
  endpoint_id: string,
  { sealed }: SealedSecret,
): Promise<Result<OpenSecret, Problem>> {
  const text = await unseal(deps.settings.keyring, sealed, secretContext({ tenant_id, endpoint_id }))
  if (!text.ok) {
    report(deps, 'secret.unsealable', new Error(text.error), { tenant_id, endpoint_id })
    return err(
      problem(
        'secret_unsealable',
        `no key of MASTER_KEYS opens it (${text.error}); rotate it, or have the operator put the key back`,
      ),
    )
  }
  const parsed = parseSecret(text.value)
  if (!parsed.ok) throw new Error(`a sealed secret was checked when it was stored: ${parsed.error}`)
  return ok({ secret: text.value, kind: parsed.value.kind, public_key: await publicKeyOf(parsed.value) })
}
