/** What a few providers need from elsewhere: their certificates and keys, and to be called back. */
import type { Deps } from '../deps.ts'
import { readBody } from '../http/read-body.ts'
import { Refusals } from '../http/refusals.ts'
import { checkPublicUrl } from '../lib/public-url.ts'
import { report } from '../report.ts'
import type { Means } from './provider.ts'

const AGE_MS_MAX = 60 * 60 * 1000
const PATIENCE_MS = 5000
const BYTES_MAX = 256 * 1024
/** Of all that is kept in an isolate: those loaded first make room. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024

/** What could not be had is not asked for again at once: whoever forges may name any certificate of the right host. */
const MISSING_MS = 10_000

const kept = new Map<string, { bytes: Uint8Array; loaded_at: number }>()
let kept_bytes = 0
/** Apart, so that what somebody makes up pushes out nothing that is real, nor does a failure what is good still. */
const missing = new Refusals()

export function createMeans(deps: Deps): Means {
  return {
    async load(url, age_ms_max = AGE_MS_MAX) {
      const known = kept.get(url)
      if (known !== undefined && deps.now() - known.loaded_at < age_ms_max) return known.bytes
      if (missing.isRefused(url, deps.now())) return null
      const bytes = await get(deps, url)
      if (bytes === null) missing.remember(url, deps.now() + MISSING_MS)
      else keep(url, bytes, deps.now())
      return bytes
    },
    visit: async (url) => (await get(deps, url)) !== null,
  }
}

function keep(url: string, bytes: Uint8Array, loaded_at: number): void {
  drop(url)
  kept.set(url, { bytes, loaded_at })
  kept_bytes += bytes.byteLength
  for (const oldest of kept.keys()) {
    if (kept_bytes <= KEPT_BYTES_MAX) return
    drop(oldest)
  }
}

function drop(url: string): void {
  kept_bytes -= kept.get(url)?.bytes.byteLength ?? 0
  kept.delete(url)
}

/** What a URL answers with 2xx, without following it elsewhere; null when it does not, or not in time, or too much. */
async function get(deps: Deps, url: string): Promise<Uint8Array | null> {
  const { allow_private_endpoints: allow_private, endpoint_ports: ports } = deps.settings
  const checked = checkPublicUrl(url, { allow_private, ports })
  if (!checked.ok) return null
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), PATIENCE_MS)
  try {
    const response = await fetch(checked.value, { redirect: 'manual', signal: timeout.signal })
    if (!response.ok) {
      await response.body?.cancel()
      return null
    }
    const body = await readBody(response, { bytes_max: BYTES_MAX, ms_max: PATIENCE_MS })
    return body.ok ? body.value : null
  } catch (error) {
    report(deps, 'source.load_failed', error, { host: checked.value.host })
    return null
  } finally {
    clearTimeout(timer)
  }
}
