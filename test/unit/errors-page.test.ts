/// <reference types="node" />
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { ERRORS_FILE, errorsMarkdown } from '../../scripts/docs-errors.ts'
import { PROBLEM_TEXTS } from '../../src/http/problem-texts.ts'
import { PROBLEMS } from '../../src/http/problems.ts'

const codes = Object.keys(PROBLEMS)

describe('docs/errors.md', () => {
  it('is what `npm run docs:errors` writes', async () => {
    expect(await readFile(ERRORS_FILE, 'utf8')).toBe(errorsMarkdown())
  })

  it.each(codes)('has an entry for %s', (code) => {
    expect(errorsMarkdown()).toContain(`\n### \`${code}\`\n`)
  })
})

describe('the texts of problems', () => {
  it('are of every code and no other', () => {
    expect(Object.keys(PROBLEM_TEXTS)).toEqual(codes)
  })

  it.each(Object.entries(PROBLEM_TEXTS))('%s: whole sentences', (_code, { means, remedy }) => {
    for (const text of [means, remedy]) expect(text).toMatch(/^[A-Z`].{8,}\.$/s)
  })
})
