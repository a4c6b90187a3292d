/** What every scenario plays on: Postern, the empty route, the sinks and the load generator, each in a process of its own. */
import { readFile } from 'node:fs/promises'
import type { CreatedEndpoint, EndpointSpec } from '../scripts/client.ts'
import { GatewayProcess } from '../scripts/gateway-process.ts'
import { waitFor } from '../scripts/wait-for.ts'
import type { LoadCalls, LoadOptions, LoadReport } from './processes/load.ts'
import { type Remote, start } from './processes/rpc.ts'
import type { SinkCalls, SinkReport } from './processes/sink.ts'

/** Enough to keep workerd busy all the time; more only adds waiting. */
const CONNECTIONS = 64
/** The most attempts at once that an endpoint may be allowed. */
const IN_FLIGHT = 100
const ARRIVAL_LIMIT_MS = 300_000

export interface Builds {
  postern: string
  empty: string
}

/** Part of a load; ends with the round unless it says when. */
interface Dose {
  rate_per_s?: number
  duration_ms?: number
  requests?: number
  connections?: number
  /** See `LoadOptions`. */
  written?: string[]
}

/** Messages on their way to one group of endpoints. */
export interface Stream extends Dose {
  event_types: string[]
  /** Whose deliveries are counted: see `Tenant.endpoints`. */
  group?: string
  /** Deliveries that each message makes there. */
  copies?: number
}

export interface Worked extends LoadReport {
  /** CPU time of the whole of workerd for each request; for Postern, with the delivery. */
  cpu_ms: number
}

export interface Delivered {
  publish: Worked
  sink: SinkReport
  /** Deliveries from the first publish to the last receipt. */
  per_s: number
}

export class Stage {
  /** How long a load lasts that does not say. */
  readonly round_ms: number
  readonly gateway: GatewayProcess
  readonly #empty: GatewayProcess
  readonly #load: Remote<LoadCalls>
  readonly #sink: Remote<SinkCalls>
  readonly #sink_port: number
  #last_run = 0
  #last_tenant = 0

  private constructor(
    round_ms: number,
    gateways: { postern: GatewayProcess; empty: GatewayProcess },
    [load, sink, sink_port]: [Remote<LoadCalls>, Remote<SinkCalls>, number],
  ) {
    this.round_ms = round_ms
    this.gateway = gateways.postern
    this.#empty = gateways.empty
    this.#load = load
    this.#sink = sink
    this.#sink_port = sink_port
  }

  static async open(builds: Builds, round_ms: number): Promise<Stage> {
    const [load, sink] = [start<LoadCalls>('load.ts'), start<SinkCalls>('sink.ts')]
    const [postern, empty, sink_port] = await Promise.all([
      GatewayProcess.start(builds.postern),
      GatewayProcess.start(builds.empty),
      sink.listen(),
    ])
    return new Stage(round_ms, { postern, empty }, [load, sink, sink_port])
  }

  async close(): Promise<void> {
    this.#load.end()
    this.#sink.end()
    await Promise.all([this.gateway.close(), this.#empty.close()])
  }

  /** A tenant of its own, with as many endpoints as it likes. */
  async tenant(): Promise<Tenant> {
    const id = `bench-${++this.#last_tenant}`
    await this.gateway.operator.post('/v1/tenants', { id, name: id, limits: { endpoints: 1000 } })
    return new Tenant(this, id, this.#sink_port)
  }

  /** What the empty route does with the same requests. */
  async empty(dose: Dose = {}): Promise<Worked> {
    const cpu_before = await cpuMs(this.#empty)
    const report = await this.#send(this.#empty, '/empty', { ...dose, event_types: ['empty.e000'] }, 0)
    return { ...report, cpu_ms: ((await cpuMs(this.#empty)) - cpu_before) / report.accepted }
  }

  /**
   * What Postern does with requests that somebody else has written.
   * @param settle waits for what they leave behind, which is part of their cost
   */
  async take(written: string[], settle: () => Promise<void>): Promise<Worked> {
    const cpu_before = await cpuMs(this.gateway)
    const report = await this.#send(this.gateway, '/in', { written, event_types: [] }, 0)
    await settle()
    return { ...report, cpu_ms: ((await cpuMs(this.gateway)) - cpu_before) / report.accepted }
  }

  /** Publishes without waiting for deliveries. */
  async publish(tenant: Tenant, stream: Stream): Promise<Worked> {
    const cpu_before = await cpuMs(this.gateway)
    const report = await this.#publish(tenant, stream, 0)
    return { ...report, cpu_ms: ((await cpuMs(this.gateway)) - cpu_before) / report.accepted }
  }

  /** Publishes, then waits until everything has arrived. */
  async deliver(tenant: Tenant, stream: Stream): Promise<Delivered> {
    return this.deliverBeside(tenant, stream, [])
  }

  /** Delivers while other streams go on, whose own deliveries are not waited for. */
  async deliverBeside(tenant: Tenant, stream: Stream, others: Stream[]): Promise<Delivered> {
    const run = ++this.#last_run
    await this.#sink.begin(run)
    const cpu_before = await cpuMs(this.gateway)
    const [load] = await Promise.all([
      this.#publish(tenant, stream, run),
      ...others.map((other) => this.#publish(tenant, other, run)),
    ])
    const { group = 'sink', copies = 1 } = stream
    await this.#arrived(group, load.accepted * copies)
    const cpu_ms = ((await cpuMs(this.gateway)) - cpu_before) / load.accepted
    const sink = await this.#sink.report(group)
    if (sink.messages !== load.accepted) throw new Error(`${sink.messages} of ${load.accepted} messages arrived`)
    return { publish: { ...load, cpu_ms }, sink, per_s: (sink.count / (sink.last_at - load.began_at)) * 1000 }
  }

  #publish({ id }: Tenant, stream: Stream, run: number): Promise<LoadReport> {
    return this.#send(this.gateway, `/v1/tenants/${id}/messages`, stream, run)
  }

  async #send(gateway: GatewayProcess, path: string, stream: Stream, run: number): Promise<LoadReport> {
    const {
      event_types,
      connections = CONNECTIONS,
      rate_per_s,
      requests,
      written,
      duration_ms = this.round_ms,
    } = stream
    const options: LoadOptions = {
      port: Number(new URL(gateway.url).port),
      path,
      key: this.gateway.operator.key,
      event_types,
      run,
      connections,
      ...(rate_per_s !== undefined && { rate_per_s }),
      ...(written !== undefined ? { written } : requests === undefined ? { duration_ms } : { requests }),
    }
    const report = await this.#load.load(options)
    // A bench that counts refusals as work would flatter.
    if (Object.keys(report.refused).length > 0) throw new Error(`${path} refused: ${JSON.stringify(report.refused)}`)
    return report
  }

  async #arrived(group: string, expected: number): Promise<void> {
    const what = `The arrival of ${expected} deliveries`
    await waitFor(async () => (await this.#sink.count(group)) >= expected, { limit_ms: ARRIVAL_LIMIT_MS, what })
  }
}

export class Tenant {
  readonly id: string
  readonly #stage: Stage
  readonly #sink_port: number
  #endpoints = 0

  constructor(stage: Stage, id: string, sink_port: number) {
    this.#stage = stage
    this.id = id
    this.#sink_port = sink_port
  }

  /**
   * Makes endpoints, each with an event type of its own.
   * @returns the event types: of a stream with all of them, message i goes to endpoint i mod count
   */
  async endpoints(count: number, group = 'sink', spec: Partial<EndpointSpec> = {}) {
    const event_types = Array.from({ length: count }, (_, i) => `${group}.e${String(i).padStart(3, '0')}`)
    for (const event_type of event_types) await this.endpoint(event_type, group, spec)
    return event_types
  }

  /** @returns its id */
  async endpoint(event_type: string, group = 'sink', spec: Partial<EndpointSpec> = {}) {
    const url = `http://127.0.0.1:${this.#sink_port}/${group}/${this.#endpoints++}`
    const body = { url, max_in_flight: IN_FLIGHT, event_types: [event_type], ...spec }
    const { operator } = this.#stage.gateway
    return (await operator.post<CreatedEndpoint>(`/v1/tenants/${this.id}/endpoints`, body)).id
  }

  async disable(endpoint_id: string): Promise<void> {
    await this.#stage.gateway.operator.post(`/v1/tenants/${this.id}/endpoints/${endpoint_id}/disable`)
  }
}

/** CPU time that workerd has used so far; NaN where the system does not tell. */
async function cpuMs(gateway: GatewayProcess): Promise<number> {
  const stat = await readFile(`/proc/${await gateway.workerdPid()}/stat`, 'utf8').catch(() => '')
  // After the name, which may hold spaces: user and system time in ticks of 10 ms.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}
