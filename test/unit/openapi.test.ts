/// <reference types="node" />
import { Validator } from '@seriousme/openapi-schema-validator'
import { beforeAll, describe, expect, it } from 'vitest'
import { createApp } from '../../src/app.ts'
import type { Bindings } from '../../src/env.ts'

/** In Node because the validator compiles schemas into code, which workerd does not allow. */
async function readDocument(): Promise<Record<string, unknown>> {
  const MASTER_KEYS = `k1:${Buffer.alloc(32, 1).toString('base64')}`
  const ADDRESS_LIMIT = { limit: async () => ({ success: true }) }
  const env = { ENVIRONMENT: 'dev', MASTER_KEYS, ADDRESS_LIMIT, DB: {} }
  const background = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} }
  const request = new Request('https://postern.test/openapi.json')
  const response = await createApp().fetch(
    request,
    env as unknown as Bindings,
    background as unknown as ExecutionContext,
  )
  expect(response.status).toBe(200)
  return response.json()
}

describe('the OpenAPI document, checked by @seriousme/openapi-schema-validator', () => {
  let document: Record<string, unknown>

  beforeAll(async () => {
    document = await readDocument()
  })

  it('is valid as OpenAPI 3.1', async () => {
    const validator = new Validator()
    const result = await validator.validate(structuredClone(document))
    expect(result).toEqual({ valid: true })
    expect(validator.version).toBe('3.1')
  })

  it('would not be valid without what every operation must have', async () => {
    const paths = document.paths as Record<string, Record<string, Record<string, unknown>>>
    const broken = { ...document, paths: { ...paths, '/broken': { get: { responses: { 200: { content: {} } } } } } }
    expect(await new Validator().validate(broken)).toMatchObject({ valid: false })
  })
})
