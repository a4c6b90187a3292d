/** What wrangler.toml keeps of logs and traces, as docs/monitoring-guide.md says. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { experimental_readRawConfig } from 'wrangler'

const { rawConfig } = experimental_readRawConfig({ config: 'wrangler.toml' })

describe('observability', () => {
  it('keeps everything of staging', () => {
    expect(rawConfig.env?.staging?.observability).toEqual({
      enabled: true,
      redact_query_string: true,
      logs: { invocation_logs: true, head_sampling_rate: 1 },
      traces: { enabled: true, head_sampling_rate: 1 },
    })
  })

  it('keeps of production every line that Postern writes, and a sample of what the platform does', () => {
    expect(rawConfig.env?.production?.observability).toEqual({
      enabled: true,
      redact_query_string: true,
      logs: { invocation_logs: false, head_sampling_rate: 1 },
      traces: { enabled: true, head_sampling_rate: 0.01 },
    })
  })

  it('is what the guide says', () => {
    const guide = readFileSync('docs/monitoring-guide.md', 'utf8')
    for (const environment of ['staging', 'production'] as const) {
      const { logs, traces } = rawConfig.env?.[environment]?.observability ?? {}
      expect(guide).toMatch(
        new RegExp(
          `\\| ${environment} +\\| ${logs?.head_sampling_rate} +\\| ${logs?.invocation_logs} +\\| ${traces?.head_sampling_rate} +\\|`,
        ),
      )
    }
  })
})
