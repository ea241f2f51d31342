import { monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 2

/** How late the event loop of this process was at p99 while `work` went on, ms. */
export async function withLoopDelay<T>(work: () => Promise<T>): Promise<{ result: T; loopDelayP99Ms: number }> {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  try {
    const result = await work()
    // What is recorded is the time between two firings of a timer, so an idle loop shows the resolution itself.
    return { result, loopDelayP99Ms: Math.max(0, histogram.percentile(99) / 1e6 - RESOLUTION_MS) }
  } finally {
    histogram.disable()
  }
}
