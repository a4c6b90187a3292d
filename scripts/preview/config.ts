/**
 * The configuration of a preview, made of staging's: a pull request that gives staging a binding gives its preview one.
 * What Cloudflare keeps apart by itself is the Worker and its objects; all else gets the names of its own that are made here.
 */

type Json = string | number | boolean | null | undefined | Json[] | { [key: string]: Json }
type Table = { [key: string]: Json }

/** Bindings and settings that a preview takes (`PreviewsConfig` of wrangler's configuration schema), as far as Postern has them. */
const TAKEN = [
  'vars',
  'version_metadata',
  'observability',
  'd1_databases',
  'r2_buckets',
  'durable_objects',
  'analytics_engine_datasets',
  'ratelimits',
]
/** No preview is called by a queue or a clock. */
const LEFT_OUT = ['name', 'workers_dev', 'triggers', 'migrations', 'queues']
/** Of the Worker, whatever its environment. */
const SHARED = ['compatibility_date', 'compatibility_flags', 'keep_names']

/** Where main and migrations lie, seen from the folder in which the configuration is put. */
export interface PreviewPlace {
  main: string
  migrations_dir: string
  database_id: string
}

/** Configuration of the Worker that all previews belong to; it is itself never deployed. Throws for a setting of staging that nobody has decided about. */
export function previewConfig(config: Table, { main, migrations_dir, database_id }: PreviewPlace): Table {
  const staging = tableOf(tableOf(config.env).staging)
  const undecided = Object.keys(staging).filter((key) => !TAKEN.includes(key) && !LEFT_OUT.includes(key))
  if (undecided.length > 0) throw new Error(`previews: nobody has decided about ${undecided.join(', ')} of staging`)

  const d1_databases = [{ binding: 'DB', database_name: 'postern-preview', database_id, migrations_dir }]
  const bindings: Table = { ...renamed(pick(staging, TAKEN)), vars: staging.vars ?? {}, d1_databases }
  return {
    ...pick(config, SHARED),
    name: 'postern-preview',
    main,
    d1_databases,
    durable_objects: bindings.durable_objects,
    migrations: staging.migrations,
    previews: { ...bindings, queues: { producers: renamed(tableOf(staging.queues).producers) } },
  }
}

/** Resources get `preview` where staging's have `staging`, and limiters a namespace of their own. */
function renamed<Value extends Json>(value: Value): Value {
  return JSON.parse(JSON.stringify(value), (key, found) => {
    if (typeof found !== 'string') return found
    return key === 'namespace_id' ? `9${found}` : found.replaceAll('staging', 'preview')
  })
}

function pick(table: Table, keys: string[]): Table {
  return Object.fromEntries(Object.entries(table).filter(([key]) => keys.includes(key)))
}

function tableOf(value: Json): Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
}
