import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { JOBS } from '../../../src/scheduled.ts'

const PROJECT_DIR = fileURLToPath(new URL('../../..', import.meta.url).href)

/** Calls that write a line under the name they are given, and where in them it stands. */
const CALL = /(?<!function )\b(?:log|report|reportAtEnd|tellEndpoint)\((?!\))/g
const NAME = /'([a-z_]+(?:\.[a-z_]+)+)'/g

/** Calls that hand on a name that they were given. */
const HANDING_ON = [
  'src/report.ts',
  'src/retention/run.ts',
  'src/endpoints/stub.ts',
  'durable-objects/endpoint/endpoint.ts',
  'durable-objects/endpoint/means.ts',
]

describe('the names in the log', () => {
  it('are in the table of docs/architecture.md, all of them and no others', async () => {
    const { names } = await namesInSources()
    expect([...names].toSorted()).toEqual((await namesInTable()).toSorted())
  })

  it('are written where the line is made, so that a search for one finds it', async () => {
    const { unnamed } = await namesInSources()
    expect([...new Set(unnamed)].toSorted()).toEqual(HANDING_ON.toSorted())
  })
})

async function namesInSources(): Promise<{ names: Set<string>; unnamed: string[] }> {
  // A job's line is called after it.
  const names = new Set(Object.values(JOBS).map(({ name }) => name))
  const unnamed: string[] = []
  for (const file of [...(await sourcesIn('src')), ...(await sourcesIn('durable-objects'))]) {
    const text = withoutComments(await readFile(join(PROJECT_DIR, file), 'utf8'))
    for (const { index, 0: call } of text.matchAll(CALL)) {
      const given = [...argumentsAt(text, index + call.length).matchAll(NAME)].map(([, name]) => name ?? '')
      if (given.length === 0) unnamed.push(file)
      for (const name of given) names.add(name)
    }
  }
  return { names, unnamed }
}

async function namesInTable(): Promise<string[]> {
  const page = await readFile(join(PROJECT_DIR, 'docs/architecture.md'), 'utf8')
  const [, chapter = ''] = page.split('\n## Logs\n')
  const rows = (chapter.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| `'))
  return rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([a-z_.]+)`/g)].map(([, name]) => name ?? ''))
}

async function sourcesIn(dir: string): Promise<string[]> {
  const files = await readdir(join(PROJECT_DIR, dir), { recursive: true })
  return files.filter((file) => file.endsWith('.ts')).map((file) => join(dir, file))
}

/** Up to the parenthesis that closes the call, without what is given to calls within. */
function argumentsAt(text: string, start: number): string {
  let depth = 1
  for (let end = start; end < text.length; end++) {
    if (text[end] === '(') depth++
    if (text[end] === ')' && --depth === 0) return text.slice(start, end)
  }
  return ''
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}
