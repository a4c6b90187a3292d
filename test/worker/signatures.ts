/** Judges of signatures that are not ours: the official packages, and node:crypto for what they leave out. */
/// <reference types="node" />
import { createPublicKey, verify } from 'node:crypto'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import type { Arrival } from './harness.ts'

/** Whether both packages accept what arrived, or both refuse it. */
export function isSignedWith(secret: string, { body, headers }: Arrival): boolean {
  const given = Object.fromEntries(headers)
  const [standard, svix] = [StandardWebhook, SvixWebhook].map((Webhook) => {
    try {
      new Webhook(secret).verify(body, given)
      return true
    } catch (error) {
      if (error instanceof Error && error.message === 'No matching signature found') return false
      throw error
    }
  })
  if (standard !== svix) throw new Error(`standardwebhooks says ${standard}, svix says ${svix}`)
  return standard === true
}

/**
 * Whether a `v1a` signature of what arrived holds for a public key. Neither package verifies v1a in
 * JavaScript, so this is a receiver written against RFC 8410 and node:crypto.
 */
export function isSignedForPublicKey(public_key: string, { headers, bytes }: Arrival): boolean {
  const spki = Buffer.concat([
    Buffer.from('302a300506032b6570032100', 'hex'),
    Buffer.from(public_key.replace('whpk_', ''), 'base64'),
  ])
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  const signed = Buffer.concat([
    Buffer.from(`${headers.get('webhook-id')}.${headers.get('webhook-timestamp')}.`),
    Buffer.from(bytes),
  ])
  return signaturesOf(headers)
    .filter((signature) => signature.startsWith('v1a,'))
    .some((signature) => verify(null, signed, key, Buffer.from(signature.slice(4), 'base64')))
}

export function signaturesOf(headers: Headers): string[] {
  return (headers.get('webhook-signature') ?? '').split(' ')
}
