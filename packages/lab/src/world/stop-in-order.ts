import type { Supervisor } from '@meridian/deploy'

import type { WorldProcessSpec } from './world-processes.ts'

/** Everything that is not gone by then is killed, ms. With what follows, the end of the lab (3 s), under 20 s. */
const GRACE_MS_MAX = 14_000

/**
 * Stops kind by kind over all regions at once: nodes, servers, NATS, members of E, and last the voters of G, so that
 * whatever gives up an authority on its way out still finds the tier that records it.
 *
 * @param leaders processes of etcd that lead their cluster, asked when etcd's turn comes. One that leads hands over before
 * it ends, and waits for that in vain when all others are ending with it; alone, it ends at once.
 */
export async function stopInOrder(
  supervisor: Supervisor,
  processes: readonly WorldProcessSpec[],
  leaders: () => Promise<ReadonlySet<string>>,
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
    const stopAll = (names: readonly string[]) => Promise.all(names.map((name) => supervisor.stop(name)))
    let leading: ReadonlySet<string> | undefined
    for (const rank of [...new Set(processes.map((each) => each.stopRank))].sort((a, b) => a - b)) {
      if (overdue) break
      const wave = processes.filter((each) => each.stopRank === rank)
      if (wave.some((each) => each.kind === 'etcd')) leading ??= await leaders()
      const names = wave.map((each) => each.spec.name)
      await stopAll(names.filter((name) => leading?.has(name) !== true))
      await stopAll(names.filter((name) => leading?.has(name) === true))
    }
    if (overdue) await killAll()
  } finally {
    clearTimeout(force)
  }
}
