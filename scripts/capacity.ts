/**
 * `npm run capacity -- --messages-per-day 1e6 --endpoints 3 --payload-kb 4 --retention-days 30 --retry-rate 0.02`: what a
 * load makes Cloudflare do, what that costs, and which limit it reaches first (docs/capacity.md). `--json` for machines.
 */
import { estimate } from './capacity/estimate.ts'
import { limitsOf } from './capacity/limits.ts'
import { loadSchema } from './capacity/load.ts'
import { reportOf } from './capacity/report.ts'
import { fail, readOptions, say } from './terminal.ts'

const { json, ...given } = readOptions({
  'messages-per-day': { type: 'string' },
  endpoints: { type: 'string' },
  'endpoints-in-all': { type: 'string' },
  lanes: { type: 'string' },
  'payload-kb': { type: 'string' },
  'large-share': { type: 'string' },
  'large-kb': { type: 'string' },
  'keyed-share': { type: 'string' },
  'retry-rate': { type: 'string' },
  'retention-days': { type: 'string' },
  peak: { type: 'string' },
  'log-share': { type: 'string' },
  'growth-per-month': { type: 'string' },
  json: { type: 'boolean', default: false },
})

const parsed = loadSchema.safeParse(given)
if (!parsed.success)
  fail(parsed.error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`).join('; '), 2)

const load = parsed.data
const estimated = estimate(load)
const limits = limitsOf(load, estimated)
if (json) process.stdout.write(`${JSON.stringify({ load, ...estimated, limits }, null, 2)}\n`)
else for (const line of reportOf(load, estimated, limits)) say(line)
