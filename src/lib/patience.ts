/** What was promised, or something else when that fails or takes its time. */
export async function withPatience<V, Else>(
  promised: Promise<V>,
  patience_ms: number,
  instead: Else,
): Promise<V | Else> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<Else>((resolve) => {
    timer = setTimeout(() => resolve(instead), patience_ms)
  })
  try {
    return await Promise.race([promised.catch(() => instead), late])
  } finally {
    clearTimeout(timer)
  }
}
