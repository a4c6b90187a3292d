import { exports } from 'cloudflare:workers'
import { expect, it } from 'vitest'

it('answers a liveness probe', async () => {
  const response = await exports.default.fetch('https://postern.test/healthz')
  expect(response.status).toBe(200)
})
