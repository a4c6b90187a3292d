/// <reference types="node" />
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { judgeAudit } from '../../scripts/scan/audit.ts'
import { findSecrets, judgeSecrets } from '../../scripts/scan/secrets.ts'
import { createApiKey } from '../../src/keys/api-key.ts'

const advisory = (id: string, severity: string) => ({
  name: 'hono',
  title: 'It does harm',
  url: `https://github.com/advisories/${id}`,
  severity,
})
const report = (...via: unknown[]) => JSON.stringify({ auditReportVersion: 2, vulnerabilities: { hono: { via } } })
const accept = (id: string, until: string) => ({ id, package: 'hono', reason: 'not called', until })

describe('the audit of dependencies', () => {
  it.each(['high', 'critical'])('fails for an advisory that is %s', (severity) => {
    const verdict = judgeAudit(report(advisory('GHSA-1', severity), 'zod'), [], '2026-11-24')
    expect(verdict?.grave.map(({ id }) => id)).toEqual(['GHSA-1'])
  })

  it.each(['low', 'moderate'])('warns of one that is %s', (severity) => {
    const verdict = judgeAudit(report(advisory('GHSA-1', severity)), [], '2026-11-24')
    expect(verdict).toMatchObject({ grave: [], lesser: [{ id: 'GHSA-1' }] })
  })

  it('lets one be that was accepted, until its day has come', () => {
    const output = report(advisory('GHSA-1', 'high'))
    const accepted = [accept('GHSA-1', '2026-12-01')]
    expect(judgeAudit(output, accepted, '2026-11-30')).toMatchObject({ grave: [], accepted: [{ id: 'GHSA-1' }] })
    expect(judgeAudit(output, accepted, '2026-12-01')).toMatchObject({ grave: [{ id: 'GHSA-1' }], accepted: [] })
  })

  it('names what was accepted and is reported no more', () => {
    const accepted = [accept('GHSA-1', '2026-12-01')]
    expect(judgeAudit(report(), accepted, '2026-11-24')).toMatchObject({ outdated: [{ id: 'GHSA-1' }] })
  })

  it.each([
    ['nothing', ''],
    ['an error', '{"message": "405 Method Not Allowed", "error": {"summary": ""}}'],
    ['a page', '<html>'],
  ])('says nothing when the registry answers %s', (_what, output) => {
    expect(judgeAudit(output, [], '2026-11-24')).toBeNull()
  })
})

describe('the scan for secrets', () => {
  it.each([
    ['an API key', () => createApiKey('live', (length) => crypto.getRandomValues(new Uint8Array(length)))],
    ['a signing secret', () => `whsec_${btoa('a'.repeat(32))}`],
    ['a private signing key', () => `whsk_${btoa('b'.repeat(64))}`],
    ['a private key', privateKey],
    ['a token of GitHub', () => `ghp_${'0123456789abcdefghijklmnopqrstuvwxyz'}`],
  ])('finds %s', async (_what, make) => {
    const found = await findSecrets('notes.txt', `first\n${await make()}\n`)
    expect(found.map(({ file, line }) => [file, line])).toEqual([['notes.txt', 2]])
  })

  it('finds none where there is none', async () => {
    expect(await findSecrets('notes.txt', 'Authorization: Bearer pst_…\nwhsec_…\n')).toEqual([])
  })

  it('lets be what was accepted, for that file and rule alone', () => {
    const found = { file: 'a.md', line: 1, rule: 'pattern' }
    const accepted = { file: 'a.md', rule: 'pattern', reason: 'an example' }
    expect(judgeSecrets([found], [accepted])).toEqual({ open: [], outdated: [] })
    expect(judgeSecrets([{ ...found, rule: 'basicauth' }], [accepted]).open).toHaveLength(1)
    expect(judgeSecrets([{ ...found, file: 'b.md' }], [accepted])).toMatchObject({ outdated: [accepted] })
  })
})

function privateKey(): string {
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs1', format: 'pem' })
    .toString()
}
