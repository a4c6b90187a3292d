/** `npm run preview:config -- --database ID`: writes `.wrangler/preview.json`, with which previews are made (docs/continuous-delivery.md). */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { experimental_readRawConfig } from 'wrangler'
import { PROJECT_DIR } from './build.ts'
import { previewConfig } from './preview/config.ts'
import { done, fail, readOptions } from './terminal.ts'

const FOLDER = '.wrangler'

const { database } = readOptions({ database: { type: 'string', default: '' } })
if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(database))
  fail('--database takes the id that `npx wrangler d1 create postern-preview` prints', 2)

const { rawConfig } = experimental_readRawConfig({ config: join(PROJECT_DIR, 'wrangler.toml') })
const place = { main: '../src/index.ts', migrations_dir: '../migrations', database_id: database }
const config = previewConfig(JSON.parse(JSON.stringify(rawConfig)), place)
await mkdir(join(PROJECT_DIR, FOLDER), { recursive: true })
await writeFile(join(PROJECT_DIR, FOLDER, 'preview.json'), `${JSON.stringify(config, null, 2)}\n`)
done('preview', `${FOLDER}/preview.json`)
