/// <reference types="node" />
/** The configuration of previews, made of wrangler.toml and judged by wrangler. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { experimental_readRawConfig, unstable_readConfig } from 'wrangler'
import { previewConfig } from '../../scripts/preview/config.ts'

const place = { main: 'src/index.ts', migrations_dir: 'migrations', database_id: 'an-id' }
const wrangler = JSON.parse(JSON.stringify(experimental_readRawConfig({ config: 'wrangler.toml' }).rawConfig))
const config = previewConfig(wrangler, place)

/** The names of all bindings, wherever they are. */
function bindingsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  const { binding, name, class_name, simple } = value as Record<string, unknown>
  const own = binding ?? (class_name !== undefined || simple !== undefined ? name : undefined)
  return [...(typeof own === 'string' ? [own] : []), ...Object.values(value).flatMap(bindingsOf)].toSorted()
}

/** What wrangler says of it; throws for what it refuses. */
function judge(candidate: unknown): { complaints: string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'preview-'))
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  try {
    writeFileSync(join(folder, 'preview.json'), JSON.stringify(candidate))
    unstable_readConfig({ config: join(folder, 'preview.json') })
    return { complaints: warn.mock.calls.map((call) => call.join(' ')) }
  } finally {
    warn.mockRestore()
    rmSync(folder, { recursive: true })
  }
}

describe('the configuration of previews', () => {
  it('is one that wrangler takes without a warning, and not whatever it is given', () => {
    expect(judge(config)).toEqual({ complaints: [] })
    expect(judge({ ...config, previews: { nonsense: 1 } }).complaints.join()).toContain('nonsense')
    expect(() => judge({ ...config, previews: { d1_databases: [{ binding: 3 }] } })).toThrow('binding')
  })

  it('has every binding that staging has', () => {
    expect(bindingsOf(config.previews)).toEqual(bindingsOf(wrangler.env.staging))
  })

  it('names no database, bucket, queue, dataset or limiter of staging or production', () => {
    const { vars, ...previews } = config.previews as Record<string, unknown>
    expect(vars).toEqual(wrangler.env.staging.vars)
    expect(JSON.stringify({ ...config, previews })).not.toMatch(/staging|production/)
    const namespaces = (of: unknown) => [...JSON.stringify(of).matchAll(/"namespace_id":"(\d+)"/g)].map(([, id]) => id)
    expect(namespaces(previews)).toHaveLength(3)
    expect(namespaces(wrangler).filter((id) => namespaces(previews).includes(id))).toEqual([])
  })

  it('is called by no queue and by no clock', () => {
    expect(JSON.stringify(config)).not.toMatch(/consumers|triggers/)
  })

  it('is refused while staging has something that nobody has decided about', () => {
    const staging = { ...wrangler.env.staging, hyperdrive: [{ binding: 'OTHER', id: 'production' }] }
    expect(() => previewConfig({ ...wrangler, env: { staging } }, place)).toThrow('hyperdrive')
  })
})
