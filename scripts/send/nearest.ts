const SUGGESTIONS_MAX = 3

/** Names that somebody may have meant, the likeliest first. */
export function nearest(name: string, names: readonly string[]): string[] {
  const wanted = name.toLowerCase()
  const edits_max = Math.max(2, Math.floor(wanted.length / 3))
  return names
    .map((candidate) => ({ candidate, edits: editsBetween(wanted, candidate.toLowerCase()) }))
    .filter(({ candidate, edits }) => edits <= edits_max || candidate.toLowerCase().includes(wanted))
    .sort((a, b) => a.edits - b.edits)
    .slice(0, SUGGESTIONS_MAX)
    .map(({ candidate }) => candidate)
}

/** Levenshtein's distance: characters to add, leave out or replace. */
function editsBetween(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i)
  for (const [i, from] of [...one].entries()) {
    const next = [i + 1]
    for (const [j, to] of [...other].entries()) {
      const replaced = (row[j] ?? 0) + (from === to ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
