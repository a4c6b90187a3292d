/** Metrics as text: https://prometheus.io/docs/specs/om/open_metrics_spec/ (OpenMetrics 1.0). */

export const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

interface Sample {
  labels: Readonly<Record<string, string>>
  value: number
}

/** Something that goes up and down, with all that is known of it now. */
export interface Gauge {
  name: string
  help: string
  samples: readonly Sample[]
}

/** The whole text. Those without a sample are described all the same, so that who looks for them finds them. */
export function toExposition(gauges: readonly Gauge[]): string {
  return `${gauges.map(toFamily).join('')}# EOF\n`
}

function toFamily({ name, help, samples }: Gauge): string {
  const lines = samples.map(({ labels, value }) => `${name}${toLabels(labels)} ${value}\n`)
  return `# TYPE ${name} gauge\n# HELP ${name} ${escapeText(help)}\n${lines.join('')}`
}

function toLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeText(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapeText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}
