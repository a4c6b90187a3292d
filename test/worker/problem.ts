import { expect } from 'vitest'
import type { Reply } from './harness.ts'

/** Expects a refusal, and that it is one of RFC 9457 in full. */
export function expectProblem(reply: Reply, status: number, code: string): void {
  expect({ status: reply.status, code: reply.body?.code, body: reply.body }).toMatchObject({ status, code })
  expect(reply.headers.get('content-type')).toBe('application/problem+json')
  expect(reply.body).toMatchObject({
    type: `/docs/errors#${code}`,
    title: expect.stringMatching(/\S/),
    status,
    detail: expect.stringMatching(/\S/),
    request_id: reply.headers.get('x-request-id'),
  })
}

/** The members that a refusal blames, as its `errors` name them. */
export function blamed(reply: Reply): string[] {
  return (reply.body.errors ?? []).map(({ path }: { path: string }) => path)
}
