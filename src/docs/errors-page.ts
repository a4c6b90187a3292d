/** `/docs/errors`: where the `type` of every problem leads. */
import { html, raw } from 'hono/html'
import { PROBLEM_TEXTS } from '../http/problem-texts.ts'
import { PROBLEMS, type ProblemCode } from '../http/problems.ts'
import { STYLE } from './page.ts'

export function errorsPage() {
  const problems = Object.entries(PROBLEMS) as [ProblemCode, (typeof PROBLEMS)[ProblemCode]][]
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Postern: errors</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<nav>
<a class="brand" href="/docs">Postern</a>
<h4>Errors</h4>
${problems.map(([code]) => html`<a class="entry" href="#${code}">${code}</a>`)}
</nav>
<main id="top">
<h1>Errors</h1>
<p>What the <code>code</code> of an answer of type <code>application/problem+json</code> means, and what to do.</p>
${problems.map(
  ([code, { status, title }]) => html`<article id="${code}">
<h3><code>${code}</code> ${status}</h3>
<p><strong>${title}.</strong> ${prose(PROBLEM_TEXTS[code].means)}</p>
<p>${prose(PROBLEM_TEXTS[code].remedy)}</p>
</article>`,
)}
</main>
</body>
</html>`
}

/** The texts are Markdown, of which they use `code` and links to pages that a deployment does not have. */
function prose(text: string) {
  const parts = text.replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1').split('`')
  return parts.map((part, i) => (i % 2 === 0 ? part : html`<code>${part}</code>`))
}
