declare module 'parse-prometheus-text-format' {
  interface Family {
    name: string
    help: string
    type: string
    metrics: { value: string; labels?: Record<string, string> }[]
  }
  /** Throws for what is no exposition. */
  export default function parse(text: string): Family[]
}
