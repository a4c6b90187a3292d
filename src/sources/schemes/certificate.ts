/** Certificates (RFC 5280) of who signs for a provider, and what is signed with them (RFC 8017, RSASSA-PKCS1-v1_5). */
// Of Node, which workerd has built in: WebCrypto knows no certificates.
import { createVerify, X509Certificate } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import { ok, type Result } from '../../lib/result.ts'
import type { Means } from '../provider.ts'
import { type Refusal, refuse, type Verdict } from '../refusal.ts'

/** A certificate that the owner of a source names, instead of having one downloaded. */
export const pinnedCertificate = z
  .string()
  .max(16_384)
  .refine((pem) => readCertificate(pem) !== null, 'must be a certificate with an RSA key, in PEM')

export interface Wanted {
  /** What the owner has named: believed as it is, as long as it has not run out. */
  pinned: string | undefined
  /** Where the request says that the certificate is. */
  url: string
  /** Where the provider's certificates are. Anything else is not even downloaded: it would be whoever sent the request. */
  at: RegExp
  /** Whom the provider's certificates are issued to: what its common name looks like. */
  issued_to: RegExp
}

/** Finds the certificate that a request says it is signed with, if it is one of the provider's. */
export async function findCertificate(
  { pinned, url, at, issued_to }: Wanted,
  { now, means }: { now: number; means: Pick<Means, 'load'> },
): Promise<Result<X509Certificate, Refusal>> {
  if (pinned === undefined && !at.test(url)) return refuse('untrusted_key')
  const pem = pinned ?? (await means.load(url))
  if (pem === null) return refuse('key_unavailable')
  const certificate = readCertificate(pem)
  if (certificate === null || !isInForce(certificate, now)) return refuse('untrusted_key')
  const is_issued = pinned !== undefined || commonNames(certificate).some((name) => issued_to.test(name))
  return is_issued ? ok(certificate) : refuse('untrusted_key')
}

/** Whether the key of a certificate has signed the parts, one after the other. */
export function verifyRsa(
  algorithm: 'sha1' | 'sha256',
  { publicKey }: X509Certificate,
  parts: readonly (string | Uint8Array)[],
  signature: Uint8Array,
): Verdict {
  const verifier = createVerify(`RSA-${algorithm.toUpperCase()}`)
  for (const part of parts) verifier.update(part)
  return verifier.verify(publicKey, signature) ? ok(undefined) : refuse('signature_mismatch')
}

/** The first certificate of a text; null when there is none, or its key is not of RSA. */
function readCertificate(pem: string | Uint8Array): X509Certificate | null {
  try {
    const certificate = new X509Certificate(pem)
    return certificate.publicKey.asymmetricKeyType === 'rsa' ? certificate : null
  } catch {
    return null
  }
}

function isInForce({ validFrom, validTo }: X509Certificate, now: number): boolean {
  return Date.parse(validFrom) <= now && now <= Date.parse(validTo)
}

/** Node writes each attribute of the subject on a line. */
function commonNames({ subject }: X509Certificate): string[] {
  return subject.split('\n').flatMap((line) => (line.startsWith('CN=') ? [line.slice(3)] : []))
}
