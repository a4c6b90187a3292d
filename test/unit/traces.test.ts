import { expect, it } from 'vitest'
import { redactContent, redactText } from '../../src/redaction/redact.ts'

it.each([
  ['signs', '!#$%&()*+,-./:;<=>?@'],
  ['letters', 'abcdefghijklmnopqrst'],
])('values that are too many to be looked for, short as they are, hide every text: %s', (_, alphabet) => {
  const characters = [...alphabet]
  const values = characters.flatMap((a) => characters.flatMap((b) => characters.map((c) => a + b + c)))
  const content = {
    format: 'event',
    content_type: 'application/json',
    text: JSON.stringify({ data: { values } }),
  } as const
  const { traces } = redactContent(content, [['values']])
  expect(traces).toBeNull()
  expect(redactText('0', traces)).toBe('[redacted]')
})
