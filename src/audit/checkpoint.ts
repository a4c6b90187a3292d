/**
 * Checkpoints: where a chain had got to at a time, signed. A chain cannot show by itself that its end was cut
 * off; a checkpoint does, from the bucket or from whoever has downloaded it. The signature is Ed25519, so that
 * an auditor checks it with no secret of ours.
 */
import { z } from '@hono/zod-openapi'
import type { Deps } from '../deps.ts'
import { time, toTime } from '../http/time.ts'
import { importSeed, publicBytes } from '../lib/ed25519.ts'
import { fromBase64, toBase64 } from '../lib/hash.ts'
import { deriveBytes, type Keyring } from '../lib/keyring.ts'
import { encodeUtf8 } from '../lib/utf8.ts'
import type { Head } from './seal-entry.ts'

const PURPOSE = 'postern audit checkpoint'
/** No payload's key begins like this. */
const FOLDER = '$audit'
/** Enough for any number in the order of texts. */
const SEQ_DIGITS = 12

export const checkpointSchema = z
  .strictObject({
    chain: z.string().max(100).openapi({ example: 'acme', description: 'The tenant, or `$operator`' }),
    seq: z.int().min(1).openapi({ description: 'Entries up to and with this one' }),
    hash: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .openapi({ description: 'Hash of that entry, which depends on all before it' }),
    at: time,
    key_id: z.string().max(32).openapi({ description: 'Master key that the signing key is derived from' }),
    public_key: z.base64().max(44).openapi({ description: 'Ed25519, 32 bytes' }),
    signature: z.base64().max(88).openapi({ description: 'Ed25519, 64 bytes' }),
  })
  .openapi('AuditCheckpoint')

export type Checkpoint = z.output<typeof checkpointSchema>

type Signer = { private_key: CryptoKey; public_key: Uint8Array }

/** What a checkpoint's signature is over. */
function signedText({ chain, seq, hash, at }: Pick<Checkpoint, 'chain' | 'seq' | 'hash' | 'at'>): Uint8Array {
  return encodeUtf8(`postern-audit-checkpoint.v1\n${chain}\n${seq}\n${hash}\n${at}`)
}

/** @param now Unix milliseconds */
export async function makeCheckpoint(keyring: Keyring, chain: string, head: Head, now: number): Promise<Checkpoint> {
  const signer = await signerOf(keyring, keyring.current)
  if (signer === undefined) throw new Error('a parsed keyring holds its current key')
  const unsigned = { chain, ...head, at: toTime(now) }
  const signature = await crypto.subtle.sign('Ed25519', signer.private_key, signedText(unsigned))
  return {
    ...unsigned,
    key_id: keyring.current,
    public_key: toBase64(signer.public_key),
    signature: toBase64(new Uint8Array(signature)),
  }
}

/** `unknown_key`: signed under a master key that is gone, so nobody here can say whether it was ours. */
export async function checkCheckpoint(
  keyring: Keyring,
  checkpoint: Checkpoint,
): Promise<'holds' | 'unknown_key' | 'forged'> {
  const signer = await signerOf(keyring, checkpoint.key_id)
  if (signer === undefined) return 'unknown_key'
  const signature = fromBase64(checkpoint.signature)
  // Of any other length, workerd throws instead of not believing it.
  if (!signature.ok || signature.value.length !== 64) return 'forged'
  if (toBase64(signer.public_key) !== checkpoint.public_key) return 'forged'
  const key = await crypto.subtle.importKey('raw', signer.public_key, { name: 'Ed25519' }, false, ['verify'])
  const holds = await crypto.subtle.verify('Ed25519', key, signature.value, signedText(checkpoint))
  return holds ? 'holds' : 'forged'
}

async function signerOf(keyring: Keyring, key_id: string): Promise<Signer | undefined> {
  const seed = await deriveBytes(keyring, key_id, PURPOSE)
  if (seed === undefined) return undefined
  const private_key = await importSeed(seed, true)
  return { private_key, public_key: await publicBytes(private_key) }
}

/**
 * Keeps a checkpoint. All of it is in the metadata too, so that a list of them is one call. One that is there already
 * stays: if the chain says something else now, it is what proves it.
 * @throws what R2 throws
 */
export async function putCheckpoint({ env }: Pick<Deps, 'env'>, checkpoint: Checkpoint): Promise<void> {
  const text = JSON.stringify(checkpoint)
  await env.PAYLOADS.put(keyOf(checkpoint.chain, checkpoint.seq), text, {
    httpMetadata: { contentType: 'application/json' },
    customMetadata: { checkpoint: text },
    onlyIf: { etagDoesNotMatch: '*' },
  })
}

/**
 * Oldest first, up to 1,000 at once.
 * @param after the `seq` of the last one of the page before
 * @throws what R2 throws
 */
export async function listCheckpoints(
  { env }: Pick<Deps, 'env'>,
  chain: string,
  { after = 0, limit = 1000 }: { after?: number | undefined; limit?: number } = {},
): Promise<{ checkpoints: Checkpoint[]; is_last: boolean }> {
  const { objects, truncated } = await env.PAYLOADS.list({
    prefix: folderOf(chain),
    startAfter: keyOf(chain, after),
    limit,
    include: ['customMetadata'],
  })
  const checkpoints = objects.map(({ customMetadata }) =>
    checkpointSchema.parse(JSON.parse(customMetadata?.checkpoint ?? 'null')),
  )
  return { checkpoints, is_last: !truncated }
}

/** Where a chain's checkpoints lie. */
export function folderOf(chain: string): string {
  return `${FOLDER}/${chain}/`
}

export function keyOf(chain: string, seq: number): string {
  return `${folderOf(chain)}${String(seq).padStart(SEQ_DIGITS, '0')}.json`
}
