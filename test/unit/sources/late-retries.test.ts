import { expect, it } from 'vitest'
import { calendly as calendly_sampler } from '../../../scripts/samples/calendly.ts'
import { linear as linear_sampler } from '../../../scripts/samples/linear.ts'
import { paypal as paypal_sampler } from '../../../scripts/samples/paypal.ts'
import type { Sampler } from '../../../scripts/samples/sampler.ts'
import { sendgrid as sendgrid_sampler } from '../../../scripts/samples/sendgrid.ts'
import { zoom as zoom_sampler } from '../../../scripts/samples/zoom.ts'
import type { Provider } from '../../../src/sources/provider.ts'
import { calendly } from '../../../src/sources/providers/calendly.ts'
import { linear } from '../../../src/sources/providers/linear.ts'
import { paypal } from '../../../src/sources/providers/paypal.ts'
import { sendgrid } from '../../../src/sources/providers/sendgrid.ts'
import { zoom } from '../../../src/sources/providers/zoom.ts'
import { givenBy, occasionOf, requestOf } from './scheme.ts'

const NOW = new Date('2026-11-24T12:00:00Z')

/** When each tries for the last time, in minutes, by its documentation. */
const LAST_TRIES: [string, Provider, Sampler, number][] = [
  ['Calendly', calendly, calendly_sampler, 24 * 60 - 1],
  ['Linear', linear, linear_sampler, 1 + 60 + 6 * 60],
  ['PayPal', paypal, paypal_sampler, 3 * 24 * 60 - 1],
  ['SendGrid', sendgrid, sendgrid_sampler, 24 * 60 - 1],
  ['Zoom', zoom, zoom_sampler, 5 + 20 + 60],
]

// None of them says whether it signs anew when it tries again.
it.each(LAST_TRIES)(
  'a new source believes the last try of %s, should it be signed as the first',
  async (_name, provider, sampler, after_min) => {
    const invented = await sampler.invent()
    const [type = ''] = Object.keys(sampler.events)
    const occasion = occasionOf(type, { now: new Date(NOW.getTime() - after_min * 60_000) })
    const body = new TextEncoder().encode(sampler.events[type]?.(occasion) ?? '')
    const request = requestOf(await sampler.sign(body, occasion, invented), body)
    const given = { ...givenBy({ provider }, [invented], NOW), tolerance_ms: (provider.tolerance_s ?? 300) * 1000 }
    expect(await provider.verify(request, given)).toEqual({ ok: true })
  },
)
