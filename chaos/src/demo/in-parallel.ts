/**
 * `work` for each item, at most `concurrentMax` at a time, in order of the items. The first failure ends it once those
 * under way have ended; an abort begins no more.
 */
export async function inParallel<T>(
  items: readonly T[],
  concurrentMax: number,
  signal: AbortSignal,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const queue = items.entries()
  let failed = false
  const worker = async () => {
    for (const [index, item] of queue) {
      if (failed) return
      signal.throwIfAborted()
      try {
        await work(item, index)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: concurrentMax }, worker))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}
