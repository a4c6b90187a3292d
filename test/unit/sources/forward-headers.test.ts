import { describe, expect, it } from 'vitest'
import { isForwardedHeader } from '../../../src/lib/header-rules.ts'
import { forwardHeaders } from '../../../src/sources/forward-headers.ts'

describe('the headers of an event that receivers get', () => {
  it('are those that the provider names, as they came', () => {
    const headers = new Headers({
      'X-GitHub-Event': 'push',
      'X-GitHub-Delivery': '72d3162e',
      'X-Hub-Signature-256': 'sha256=00',
      Authorization: 'Bearer secret',
      Cookie: 'a=b',
    })
    expect(forwardHeaders(headers, ['x-github-*', 'x-hub-signature-256'])).toEqual({
      'x-github-event': 'push',
      'x-github-delivery': '72d3162e',
      'x-hub-signature-256': 'sha256=00',
    })
  })

  it('step aside for those that Postern sets itself, and are sent all the same', () => {
    const forwarded = forwardHeaders(new Headers({ 'webhook-id': 'msg_1', 'svix-id': 'msg_1' }), [
      'webhook-*',
      'svix-*',
    ])
    expect(forwarded).toEqual({ 'postern-original-webhook-id': 'msg_1', 'svix-id': 'msg_1' })
    expect(Object.keys(forwarded).every(isForwardedHeader)).toBe(true)
  })

  it('are left out where no client would send them, and beyond 8 KiB', () => {
    const headers = new Headers({ 'x-a': 'caf\u00e9', 'x-b': 'b', 'x-c': 'c'.repeat(9000), 'x-d': 'd' })
    expect(forwardHeaders(headers, ['x-*'])).toEqual({ 'x-b': 'b', 'x-d': 'd' })
  })
})
