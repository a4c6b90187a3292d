import { expect, it } from 'vitest'
import { mountDocs } from '../../src/docs/routes.ts'
import { createRouter } from '../../src/http/router.ts'

it('the documents are made once, and not anew for each who asks', async () => {
  const app = createRouter()
  app.use(async (c, next) => {
    c.set('deps', { now: () => 0 } as never)
    await next()
  })
  mountDocs(app)
  let makings = 0
  const make = app.getOpenAPI31Document
  app.getOpenAPI31Document = (...of: Parameters<typeof make>) => {
    makings++
    return make(...of)
  }
  const registered = app.openAPIRegistry.definitions.length
  const env = { ADDRESS_LIMIT: { limit: async () => ({ success: true }) } }
  for (const path of ['/openapi.json', '/docs', '/openapi.json', '/docs'])
    expect((await app.request(`https://postern.test${path}`, {}, env)).status).toBe(200)
  expect([makings, app.openAPIRegistry.definitions.length]).toEqual([1, registered])
})
