import { describe, expect, it } from 'vitest'
import { createApp } from '../../src/app.ts'
import { PROBLEMS } from '../../src/http/problems.ts'
import { operationsOf, readDocument } from './api-document.ts'
import { call, createTenant, type Json } from './harness.ts'

const document = await readDocument()
const operations = operationsOf(document)
const named = operations.map((operation) => [operation.method, operation.path, operation] as const)

describe('the document at /openapi.json', () => {
  it('is OpenAPI 3.1, for everybody to read', async () => {
    const { status, headers } = await call('GET', '/openapi.json', { key: null })
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(document.openapi).toBe('3.1.0')
    expect(document.info).toMatchObject({ title: 'Postern', version: expect.stringMatching(/^\d+\.\d+\.\d+/) })
    expect(document.servers).toEqual([{ url: 'https://postern.test' }])
  })

  it('has every route of the app but the documents themselves', () => {
    const documented = operations.map(({ method, path }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`)
    const routed = createApp()
      .routes.filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path}`)
    const undocumented = new Set(routed).difference(new Set(documented))
    expect([...undocumented].toSorted()).toEqual(['GET /docs', 'GET /docs/errors', 'GET /openapi.json'])
  })

  it('refers to nothing that is not in it', () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref ?? '')
    expect(refs.length).toBeGreaterThan(0)
    const broken = refs.filter(
      (ref) =>
        ref
          .slice(2)
          .split('/')
          .reduce((at: Json, name) => at?.[name], document) === undefined,
    )
    expect(broken).toEqual([])
  })

  it('names the codes of all problems', () => {
    expect(document.components.schemas.Problem.properties.code.enum).toEqual(Object.keys(PROBLEMS))
  })

  it.each(named)('describes %s %s', (_method, path, { contract, permission }) => {
    expect(contract.summary).toMatch(/\S/)
    expect(document.tags.map(({ name }: Json) => name)).toContain(contract.tags[0])
    const parameters = (contract.parameters ?? []).filter((parameter: Json) => parameter.in === 'path')
    const in_path = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    expect(parameters.map(({ name }: Json) => name)).toEqual(in_path)
    expect(contract.security).toEqual(permission === 'public' ? [] : [{ apiKey: [] }])
    const statuses = Object.keys(contract.responses)
    expect(statuses.filter((status) => status.startsWith('2'))).toHaveLength(1)
    if (permission !== 'public') expect(statuses).toEqual(expect.arrayContaining(['401', '403', '404', '429', '503']))
    if (contract.requestBody) expect(statuses).toEqual(expect.arrayContaining(['400', '413', '415', '422']))
  })

  it('has a body that names every member, for each that takes one', () => {
    const bodies = operations.flatMap(({ contract }) => contract.requestBody?.content['application/json']?.schema ?? [])
    expect(bodies.length).toBeGreaterThan(10)
    const resolve = (schema: Json): Json =>
      schema.$ref === undefined ? schema : document.components.schemas[schema.$ref.split('/').at(-1)]
    for (const body of bodies.map(resolve)) {
      for (const form of (body.anyOf ?? [body]).map(resolve)) expect(form.additionalProperties).toBe(false)
    }
  })
})

describe('an answer has just the members that the document promises', () => {
  const promised = (path: string, method: string, status: string): string[] => {
    const { schema } = document.paths[path][method].responses[status].content['application/json']
    const resolve = (given: Json): Json[] => {
      if (given.$ref !== undefined) return resolve(document.components.schemas[given.$ref.split('/').at(-1)])
      return given.allOf === undefined ? [given] : given.allOf.flatMap(resolve)
    }
    return resolve(schema).flatMap(({ properties = {} }) => Object.keys(properties))
  }
  const of_tenant = '/v1/tenants/{tenant}'

  it.each([
    ['get', of_tenant, '200'],
    ['get', `${of_tenant}/endpoints/{endpoint}`, '200'],
    ['get', `${of_tenant}/endpoints/{endpoint}/breaker`, '200'],
    ['get', `${of_tenant}/endpoints/{endpoint}/secret`, '200'],
    ['get', `${of_tenant}/messages/{message}`, '200'],
    ['get', `${of_tenant}/messages/{message}/deliveries`, '200'],
    ['get', `${of_tenant}/deliveries/{delivery}`, '200'],
    ['get', `${of_tenant}/deliveries/{delivery}/attempts`, '200'],
    ['get', `${of_tenant}/event-types/{name}`, '200'],
    ['post', `${of_tenant}/messages`, '202'],
    ['post', `${of_tenant}/keys`, '201'],
    ['get', `${of_tenant}/keys/{key}`, '200'],
    ['post', `${of_tenant}/keys/{key}/rotate`, '201'],
    ['get', `${of_tenant}/keys/{key}/totp`, '200'],
    ['get', `${of_tenant}/step-up`, '200'],
    ['post', '/v1/keys', '201'],
    ['post', `${of_tenant}/endpoints`, '201'],
    ['post', `${of_tenant}/endpoints/{endpoint}/disable`, '200'],
    ['post', `${of_tenant}/endpoints/{endpoint}/test`, '202'],
    ['get', `${of_tenant}/sources/{source}`, '200'],
    ['post', `${of_tenant}/sources`, '201'],
    ['post', `${of_tenant}/sources/{source}/secret/rotate`, '200'],
    ['post', `${of_tenant}/dead-letters/redrive`, '202'],
  ])('%s %s', async (method, path, status) => {
    const tenant = await createTenant()
    const endpoint = await tenant.endpoint()
    await tenant.call('POST', `/endpoints/${endpoint.id}/disable`)
    const message = await tenant.published()
    await tenant.call('POST', '/event-types', { body: { name: 'a' } })
    const { id: key } = (await tenant.call('POST', '/keys', { body: { name: 'a', role: 'viewer' } })).body
    const { id: source } = (await tenant.call('POST', '/sources', { body: { name: 'a', provider: 'github' } })).body
    const ids = {
      tenant: tenant.id,
      endpoint: endpoint.id,
      source,
      key,
      message,
      delivery: `${message}.${endpoint.id}`,
      name: 'a',
    }
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: keyof typeof ids) => ids[name])
    const bodies: Record<string, unknown> = {
      messages: { type: 'a', data: 1 },
      keys: path.includes('{tenant}') ? { name: 'a', role: 'viewer' } : { name: 'a' },
      endpoints: { url: 'https://receiver.test/' },
      sources: { name: 'a', provider: 'github' },
      redrive: {},
    }
    const body = method === 'post' ? bodies[path.split('/').at(-1) ?? ''] : undefined
    const reply = await call(method.toUpperCase(), filled, { body })
    expect(reply.status).toBe(Number(status))
    expect(Object.keys(reply.body).toSorted()).toEqual([...new Set(promised(path, method, status))].toSorted())
  })
})

describe('the page at /docs', () => {
  it('shows every operation, and needs nothing from elsewhere', async () => {
    const { status, headers, body } = await call('GET', '/docs', { key: null })
    expect(status).toBe(200)
    expect(headers.get('content-type')).toContain('text/html')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(body).not.toMatch(/<(script|link|img)[^>]+(src|href)=/)
    for (const { path, contract } of operations) {
      expect(body).toContain(path)
      expect(body).toContain(contract.summary)
    }
  })
})

describe('the page at /docs/errors', () => {
  it('is where the type of each problem leads', async () => {
    const { status, headers, body } = await call('GET', '/docs/errors', { key: null })
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=UTF-8'])
    const { type } = (await call('GET', '/v1/tenants', { key: null })).body
    expect(new URL(type, 'https://postern.test/v1/tenants').href).toBe('https://postern.test/docs/errors#unauthorized')
    for (const code of Object.keys(PROBLEMS)) expect(body).toContain(`<article id="${code}">`)
  })

  it('runs nothing, and needs nothing from elsewhere', async () => {
    const { headers, body } = await call('GET', '/docs/errors', { key: null })
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'none';/,
    )
    expect(body).not.toMatch(/<(script|link|img)/)
  })
})
