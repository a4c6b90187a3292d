import { html, raw } from 'hono/html'
import { limitAddress } from '../http/address-limit.ts'
import type { createRouter } from '../http/router.ts'
import { sha256, toBase64 } from '../lib/hash.ts'
import { errorsPage } from './errors-page.ts'
import { type Operation, operationsByTag, type Schema, type Tag } from './model.ts'
import { API_KEY, openApiDocument } from './openapi.ts'
import { SCRIPT, STYLE } from './page.ts'

type App = ReturnType<typeof createRouter>

interface Made {
  origin: string
  json: string
  html: string
}

/**
 * `GET /openapi.json`; `GET /docs`: the same document as a page to read; `GET /docs/errors`: what problems
 * mean. The pages need nothing from elsewhere.
 */
export function mountDocs(app: App): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', API_KEY)
  /** Of the origin asked for last, in production the only one: each takes 50 ms to make, and needs no key. */
  let kept: Made | undefined
  const madeFor = async (url: string): Promise<Made> => {
    const { origin } = new URL(url)
    if (kept?.origin === origin) return kept
    const document = openApiDocument(app, origin)
    const html = await page(document.info.version, operationsByTag(document), origin)
    kept = { origin, json: JSON.stringify(document), html: String(html) }
    return kept
  }
  app.get('/openapi.json', limitAddress, async (c) =>
    c.body((await madeFor(c.req.url)).json, 200, { 'content-type': 'application/json' }),
  )
  app.get('/docs', limitAddress, async (c) => {
    c.header('content-security-policy', await pagePolicy(SCRIPT))
    return c.html((await madeFor(c.req.url)).html)
  })
  app.get('/docs/errors', limitAddress, async (c) => {
    c.header('content-security-policy', await pagePolicy())
    return c.html(errorsPage())
  })
}

/** The page's own style and script, if it has one, and no other, whoever gets something into it. */
async function pagePolicy(own_script?: string): Promise<string> {
  const source = async (text: string) => `'sha256-${toBase64(await sha256(text))}'`
  const style = await source(STYLE)
  const script = own_script === undefined ? "'none'" : await source(own_script)
  return `default-src 'none'; style-src ${style}; script-src ${script}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
}

function page(version: string, tags: Tag[], origin: string) {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Postern API</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<nav>
<a class="brand" href="#top">Postern <small>${version}</small></a>
<input id="search" type="search" placeholder="Search" aria-label="Search operations">
${tags.map(
  (tag) =>
    html`<h4>${tag.name}</h4>${tag.operations.map(
      (operation) =>
        html`<a class="entry" href="#${operation.id}"><b class="${operation.method}">${operation.method}</b> ${operation.summary}</a>`,
    )}`,
)}
</nav>
<main id="top">
<h1>Postern API</h1>
<p>JSON over HTTPS. Send an API key as <code>Authorization: Bearer pst_…</code>. Errors are
<code>application/problem+json</code> (RFC 9457) with a stable <code>code</code>: <a href="/docs/errors">errors</a>; lists answer
<code>{data, next_cursor}</code>; times are RFC 3339 in UTC. The same as a document:
<a href="/openapi.json">openapi.json</a>.</p>
${tags.map((tag) => html`<section><h2>${tag.name}</h2><p>${prose(tag.description)}</p>${tag.operations.map((operation) => article(operation, origin))}</section>`)}
</main>
<script>${raw(SCRIPT)}</script>
</body>
</html>`
}

function article(operation: Operation, origin: string) {
  return html`<article id="${operation.id}">
<h3><b class="${operation.method}">${operation.method}</b> <code>${operation.path}</code></h3>
<p><strong>${operation.summary}.</strong> ${prose(operation.description)}
<span class="permission">${operation.permission === 'public' ? 'No key needed' : operation.permission}</span>${operation.step_up === null ? '' : html`<span class="permission">one-time code: ${operation.step_up}</span>`}</p>
${operation.parameters.length > 0 ? fields('Parameters', operation.parameters) : ''}
${operation.body.length > 0 ? fields('Body', operation.body) : ''}
${operation.answer.length > 0 ? fields(`Answer ${operation.status}`, operation.answer) : html`<p class="status">Answer ${operation.status}</p>`}
<pre><code>${curl(operation, origin)}</code></pre>
</article>`
}

function fields(title: string, members: Schema[]) {
  return html`<table><caption>${title}</caption><tbody>${members.map(
    (member) => html`<tr><td><code>${member.name}</code>${member.is_required ? '' : html` <i>optional</i>`}</td>
<td><code>${member.type}</code></td><td>${prose(member.description)}</td></tr>`,
  )}</tbody></table>`
}

/** Descriptions are Markdown (OpenAPI 3.1, "Rich Text Formatting"); ours use no more of it than `code`. */
function prose(text: string) {
  return text.split('`').map((part, i) => (i % 2 === 0 ? part : html`<code>${part}</code>`))
}

function curl({ method, path, permission, example }: Operation, origin: string): string {
  const lines = [`curl${method === 'get' ? '' : ` -X ${method.toUpperCase()}`} ${origin}${path}`]
  if (permission !== 'public') lines.push(`  -H "authorization: Bearer $POSTERN_KEY"`)
  if (example !== null) lines.push(`  -H "content-type: application/json"`, `  -d '${example}'`)
  return lines.join(' \\\n')
}
