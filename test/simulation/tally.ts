/** How often each of the names that a program knows beforehand was met, by topic. */
export class Tally<Topic extends string> {
  readonly counts: Record<Topic, Record<string, number>>

  constructor(names: Record<Topic, readonly string[]>) {
    const topics = Object.entries<readonly string[]>(names).map(([topic, known]) => [
      topic,
      Object.fromEntries(known.map((name) => [name, 0])),
    ])
    this.counts = Object.fromEntries(topics) as Record<Topic, Record<string, number>>
  }

  count(topic: Topic, name: string): void {
    const names: Record<string, number> = this.counts[topic]
    names[name] = (names[name] ?? 0) + 1
  }

  add(other: Record<Topic, Record<string, number>>): void {
    for (const [topic, names] of Object.entries<Record<string, number>>(other)) {
      const mine: Record<string, number> = this.counts[topic as Topic]
      for (const [name, count] of Object.entries(names)) mine[name] = (mine[name] ?? 0) + count
    }
  }

  unreached(): string[] {
    return Object.entries<Record<string, number>>(this.counts).flatMap(([topic, names]) =>
      Object.entries(names)
        .filter(([, count]) => count === 0)
        .map(([name]) => `${topic}: ${name}`),
    )
  }
}
