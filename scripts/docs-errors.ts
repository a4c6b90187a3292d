/** `npm run docs:errors`: writes docs/errors.md from the codes and what is said of each. */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { PROBLEM_TEXTS } from '../src/http/problem-texts.ts'
import { PROBLEMS, type ProblemCode } from '../src/http/problems.ts'

export const ERRORS_FILE = fileURLToPath(new URL('../docs/errors.md', import.meta.url).href)

const INTRODUCTION = `# Errors

<!-- Written by \`npm run docs:errors\` from src/http/problems.ts and problem-texts.ts. Change it there. -->

Every error is \`application/problem+json\` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)). \`code\` is stable: decide by it, not by the status or the words. \`type\` leads to its entry on the page \`/docs/errors\` of the deployment that answered. \`detail\` is for people, \`errors\` says which member of the request is wrong, and \`request_id\` (the same as the header \`x-request-id\`) is what to quote when you ask for help. Some problems have further members, which are named below.

Repeating a request helps with \`429\` and \`503\`, after \`Retry-After\`; with \`409 changed_meanwhile\` and \`500\`, soon; with everything else only after it has been changed.
`

/** The page, by status. */
export function errorsMarkdown(): string {
  const codes = Object.keys(PROBLEMS) as ProblemCode[]
  const statuses = [...new Set(codes.map((code) => PROBLEMS[code].status))].toSorted((a, b) => a - b)
  const sections = statuses.flatMap((status) => [
    `## ${status}`,
    ...codes.filter((code) => PROBLEMS[code].status === status).map(section),
  ])
  return [INTRODUCTION, ...sections].join('\n\n').replaceAll('\n\n\n', '\n\n').concat('\n')
}

function section(code: ProblemCode): string {
  const { means, remedy } = PROBLEM_TEXTS[code]
  return `### \`${code}\`\n\n_${PROBLEMS[code].title}._ ${means}\n\n**What to do:** ${remedy}`
}

if (import.meta.main) await writeFile(ERRORS_FILE, errorsMarkdown())
