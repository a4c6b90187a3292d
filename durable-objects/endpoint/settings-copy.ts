import type { DepsOfAudit } from '../../src/audit/audited.ts'
import { ONE_LANE } from '../../src/endpoints/lanes.ts'
import { markDisabled, type OwnDisabling } from '../../src/endpoints/mark-disabled.ts'
import { loadEndpointSettings } from '../../src/endpoints/settings.ts'
import type { Log } from '../../src/lib/log.ts'
import type { Meta } from './meta.ts'
import type { DisabledReason, EndpointSettings, EnqueueCall } from './rpc.ts'

/** A disabling of its own, of which D1 has not heard yet. */
interface Unreported extends OwnDisabling {
  /** Of the settings that it knew then: an enabling that they hold is not one of since. */
  version: number
}

/** What the copy needs of the Endpoint around it. */
export interface SettingsShell {
  meta: Meta
  /** For D1, in its own name. */
  deps: DepsOfAudit
  /** Everybody takes over what D1 says now. */
  spreadSettings(): Promise<void>
  log: Log
}

/** The Endpoint's copy of what D1 says of it: the part of the configuration that works while D1 does not. */
export class SettingsCopy {
  private readonly meta: Meta
  private readonly shell: SettingsShell
  private loading: Promise<EndpointSettings | null> | null = null
  /** Null in an object that was never told. */
  current: EndpointSettings | null

  constructor(shell: SettingsShell) {
    this.shell = shell
    this.meta = shell.meta
    const stored = this.meta.read<EndpointSettings>('settings')
    // Objects of before there were lanes have settings without a layout.
    this.current = stored && { ...stored, layout: stored.layout ?? ONE_LANE }
  }

  /**
   * Keeps what D1 says, and answers what holds now: its own disabling, of which D1 has not heard yet,
   * stands unless somebody has enabled the endpoint since.
   */
  write(settings: EndpointSettings): EndpointSettings {
    const own = this.unreported()
    // By what changed and not by when: the clocks of two machines do not agree.
    const is_over = own !== null && settings.version > own.version && settings.enabled_at !== own.enabled_at
    if (is_over) this.meta.delete('disabled_unreported')
    const disabled = settings.disabled ?? (is_over ? null : (own?.reason ?? null))
    this.current = { ...settings, disabled }
    this.meta.write('settings', this.current)
    return this.current
  }

  /**
   * What is known when it is as new as the caller's version, else what D1 says; null when the endpoint
   * was deleted. With D1 down, what is known goes on, but not by another layout than the caller's: two
   * lanes could then take the same ordering key.
   * @throws what D1 throws, when nothing is known, or nothing of the caller's layout
   */
  async atLeast(call: Pick<EnqueueCall, 'tenant_id' | 'endpoint_id' | 'settings_version' | 'epoch'>) {
    const isNewEnough = ({ version, layout }: EndpointSettings) =>
      version >= call.settings_version && layout.epoch >= call.epoch
    if (this.current !== null && isNewEnough(this.current)) return this.current
    try {
      const settings = await this.load(call)
      // The read may have begun, for somebody else, before what the caller knows was written.
      return settings === null || isNewEnough(settings) ? settings : await this.load(call)
    } catch (error) {
      if (this.current === null || this.current.layout.epoch < call.epoch) throw error
      this.shell.log('warn', 'settings.stale', { error })
      return this.current
    }
  }

  /**
   * What D1 says; null when the endpoint was deleted. Concurrent callers share one read.
   * @throws what D1 throws
   */
  load({ tenant_id, endpoint_id }: Pick<EnqueueCall, 'tenant_id' | 'endpoint_id'>): Promise<EndpointSettings | null> {
    this.loading ??= loadEndpointSettings(this.shell.deps.env.DB, tenant_id, endpoint_id).finally(() => {
      this.loading = null
    })
    return this.loading
  }

  /** The Endpoint has disabled itself; D1 has to hear of it. */
  disable(reason: DisabledReason, now: number): void {
    if (this.current === null) return
    const { version, enabled_at } = this.current
    this.meta.write('disabled_unreported', { reason, at: now, version, enabled_at } satisfies Unreported)
    this.write(this.current)
    this.shell.log('info', 'endpoint.disabled', { reason })
    void this.report()
  }

  /** Why it disabled itself, while D1 does not know. */
  unreported(): Unreported | null {
    return this.meta.read<Unreported>('disabled_unreported')
  }

  /** Tells D1 that the Endpoint has disabled itself; repeated by the alarm until D1 has heard it. */
  async report(): Promise<void> {
    const own = this.unreported()
    if (own === null || this.current === null) return
    try {
      await markDisabled(this.shell.deps, this.current, own)
      this.meta.delete('disabled_unreported')
      if (this.current.layout.lanes_max > 1) await this.shell.spreadSettings()
    } catch (error) {
      this.shell.log('warn', 'endpoint.disable_unreported', { error })
    }
  }
}
