import { describe, expect, it } from 'vitest'
import { needsCredentials } from '../../../src/sources/credentials.ts'

describe('what a source verifies with', () => {
  it('has to be kept for it, unless it is a key that everybody may know', () => {
    for (const name of ['hmac', 'basic', 'bearer', 'api_key', 'stripe', 'github'] as const)
      expect(needsCredentials(name), name).toBe(true)
    for (const name of ['jwt', 'paypal', 'aws_sns', 'none'] as const) expect(needsCredentials(name), name).toBe(false)
  })
})
