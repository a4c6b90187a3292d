import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { JOBS } from '../../src/scheduled.ts'

it('every environment has the cron of every job, and no other', () => {
  const crons = [...readFileSync('wrangler.toml', 'utf8').matchAll(/^crons = (\[.*\])$/gm)]
  expect(crons.map(([, list = '']) => JSON.parse(list))).toEqual(Array(3).fill(Object.keys(JOBS)))
})
