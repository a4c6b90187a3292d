import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { err, ok, type Result } from '../../src/lib/result.ts'
import { VARS_FILE } from '../build.ts'
import { Client } from '../client.ts'
import { readDemo, readSecrets } from '../state.ts'

const DEFAULT_URL = 'http://localhost:8787'

/**
 * The gateway that `npm start` or `npm run dev` runs on this machine, with an operator's key that it knows. The error is a
 * sentence that says how there comes to be one.
 * @param state_dir where `npm start` keeps its data
 */
export async function findGateway(state_dir: string, port: string | undefined): Promise<Result<Client, string>> {
  const demo = await readDemo(join(state_dir, 'demo.json'))
  const urls = port ? [`http://localhost:${port}`] : [...new Set([demo?.gateway_url ?? DEFAULT_URL, DEFAULT_URL])]
  const keys = await knownKeys(state_dir)
  let answers: string | undefined
  for (const url of urls) {
    for (const key of keys) {
      const client = new Client(url, key)
      const status = await client.send('GET', '/v1/tenants?limit=1').then(
        (answer) => answer.status,
        () => null,
      )
      if (status === 200) return ok(client)
      if (status !== null) answers = url
    }
  }
  if (answers !== undefined) return err(`${answers} knows none of the operator keys of ${state_dir} and .dev.vars`)
  return err(
    `No gateway answers at ${urls.join(' or ')}. Start one in another terminal with npm start (its port: PORT=…), or send to a source of your own with --to`,
  )
}

/** Of `npm start` and of `npm run dev`. */
async function knownKeys(state_dir: string): Promise<string[]> {
  const secrets = await readSecrets(join(state_dir, 'secrets.json'))
  const vars = parseEnv(await readFile(VARS_FILE, 'utf8').catch(() => ''))
  return [secrets?.POSTERN_OPERATOR_KEY, vars.POSTERN_OPERATOR_KEY].filter((key) => key !== undefined)
}
