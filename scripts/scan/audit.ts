/** What `npm audit` reports, judged. */
import { z } from 'zod'
import type { AcceptedAdvisory } from './accepted.ts'

const advisorySchema = z.object({
  name: z.string(),
  title: z.string(),
  url: z.string(),
  severity: z.enum(['info', 'low', 'moderate', 'high', 'critical']),
})

/** Report version 2, of npm 7 and later. */
const reportSchema = z.object({
  auditReportVersion: z.literal(2),
  vulnerabilities: z.record(z.string(), z.object({ via: z.array(z.union([z.string(), advisorySchema])) })),
})

interface Advisory extends z.output<typeof advisorySchema> {
  id: string
}

export interface AuditVerdict {
  /** High or critical, and not accepted: these fail. */
  grave: Advisory[]
  /** The others that are not accepted. */
  lesser: Advisory[]
  accepted: Advisory[]
  /** Accepted, but not reported any more. */
  outdated: AcceptedAdvisory[]
}

/**
 * @param output what `npm audit --json` wrote
 * @param today ISO date
 * @returns null when it is no report: the registry did not answer
 */
export function judgeAudit(output: string, accepted: readonly AcceptedAdvisory[], today: string): AuditVerdict | null {
  const report = reportSchema.safeParse(parse(output))
  if (!report.success) return null
  const all = new Map<string, Advisory>()
  for (const { via } of Object.values(report.data.vulnerabilities)) {
    for (const cause of via) {
      if (typeof cause === 'string') continue
      const id = cause.url.split('/').at(-1) ?? cause.url
      all.set(`${id} ${cause.name}`, { ...cause, id })
    }
  }
  const valid = accepted.filter(({ until }) => today < until)
  const isAccepted = ({ id, name }: Advisory) => valid.some((one) => one.id === id && one.package === name)
  const found = [...all.values()]
  const open = found.filter((advisory) => !isAccepted(advisory))
  const isGrave = ({ severity }: Advisory) => severity === 'high' || severity === 'critical'
  return {
    grave: open.filter(isGrave),
    lesser: open.filter((advisory) => !isGrave(advisory)),
    accepted: found.filter(isAccepted),
    outdated: accepted.filter((one) => !found.some(({ id, name }) => one.id === id && one.package === name)),
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
