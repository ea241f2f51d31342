import type { Supervisor } from '@meridian/deploy'

import { GLOBAL_VOTER_RANK } from './world-processes.ts'
import type { WorldProcessSpec } from './world-processes.ts'

/** Everything that is not gone by then is killed, ms. With what follows, the end of the lab (3 s), under 20 s. */
const GRACE_MS_MAX = 14_000

/**
 * Stops kind by kind over all regions at once: nodes, servers, NATS, members of E, and last the voters of G, so that
 * whatever gives up an authority on its way out still finds the tier that records it.
 *
 * @param lastOfAll the process of G's leader, asked when its voters' turn comes. An etcd that leads hands over before it
 * ends, and waits for that in vain when all others are ending with it; alone, it ends at once.
 */
export async function stopInOrder(
  supervisor: Supervisor,
  processes: readonly WorldProcessSpec[],
  lastOfAll: () => Promise<string | undefined>,
): Promise<void> {
  let overdue = false
  const killAll = async (): Promise<void> => {
    const running = supervisor.list().filter((each) => each.pid !== undefined)
    await Promise.all(running.map((each) => supervisor.kill(each.name)))
  }
  const force = setTimeout(() => {
    overdue = true
    void killAll()
  }, GRACE_MS_MAX)
  try {
    const ranks = [...new Set(processes.map((each) => each.stopRank))].sort((a, b) => a - b)
    for (const rank of ranks) {
      if (overdue) break
      const wave = processes.filter((each) => each.stopRank === rank).map((each) => each.spec.name)
      const last = rank === GLOBAL_VOTER_RANK ? await lastOfAll() : undefined
      await Promise.all(wave.filter((name) => name !== last).map((name) => supervisor.stop(name)))
      if (last !== undefined) await supervisor.stop(last)
    }
    if (overdue) await killAll()
  } finally {
    clearTimeout(force)
  }
}
