import { tokensEqual } from '@meridian/topology'
import { randomFaults } from './nemesis.ts'
import type { SimNode } from './sim-node.ts'
import type { World } from './world.ts'

export interface MoveWorldOptions {
  /**
   * Instead, again and again the one story that random faults hardly ever tell: a leader of both sets is cut off with a
   * majority of the new one, the move is given up, and the old set goes on without either knowing.
   */
  readonly givenUpUnheard?: boolean
  /** Mutant: the old set is let go before a leader of both has its barrier committed. */
  readonly endsEarly?: boolean
}

/** Members of the replica set are exchanged for other nodes of the region, one at a time, with everything that goes wrong. */
export function moveWorld(world: World, options: MoveWorldOptions): void {
  const { queue, random, controller, nodes } = world
  if (options.givenUpUnheard === true) return giveUpUnheard(world)
  randomFaults(world)
  const begin = (): void => {
    if (!world.faulty()) return
    const members = controller.members.replicas
    controller.beginMove(random.pick(nodes.filter((node) => !members.includes(node.id))))
    queue.after(random.next() * 150, () => {
      controller.joinMove(random.pick(members))
      end()
    })
  }
  const end = (): void => {
    if (!world.faulty()) return
    const { token } = controller.newest
    const decided = nodes.some(
      ({ state, isStopped }) =>
        !isStopped && state?.role.kind === 'leading' && state.role.serving && tokensEqual(state.role.token, token),
    )
    const back = random.next() < 0.03
    if (decided || back || (options.endsEarly === true && random.next() < 0.5)) {
      // The answer takes its time; by then another leader of both sets may have been named.
      queue.after(random.next() * 40, () => {
        controller.endMove(back)
        queue.after(random.next() * 250, begin)
      })
    } else queue.after(10, end)
  }
  // Apart in two groups, of which one hears nothing of what is decided: each may hold a majority of one of the sets.
  const part = (): void => {
    if (!world.faulty()) return
    cutOff(
      world.cuts,
      nodes.filter(() => random.next() < 0.4),
      nodes,
    )
    queue.after(random.next() * 900, part)
  }
  queue.after(random.next() * 300, begin)
  queue.after(random.next() * 600, part)
}

function giveUpUnheard(world: World): void {
  const { queue, random, controller, nodes, cuts } = world
  if (!world.faulty()) return
  const members = controller.members.replicas
  const joining = random.pick(nodes.filter((node) => !members.includes(node.id)))
  const leaving = random.pick(members)
  const leader = random.pick(controller.candidates.filter((node) => node.id !== leaving))
  const acts: readonly (readonly [afterMs: number, act: () => void])[] = [
    [0, () => controller.beginMove(joining)],
    [100, () => controller.joinMove(leaving)],
    [10, () => world.name(leader)],
    [300, () => cutOff(cuts, [leader, joining], nodes)],
    [10, () => controller.endMove(true)],
    [10, () => world.name(random.pick(controller.candidates.filter((node) => node !== leader)))],
    [500, () => cuts.clear()],
  ]
  let atMs = 0
  for (const [afterMs, act] of acts) {
    atMs += afterMs
    queue.after(atMs, () => {
      if (world.faulty()) act()
    })
  }
  queue.after(atMs + 200, () => giveUpUnheard(world))
}

/** From all others and from whoever decides; among themselves they go on. */
function cutOff(cuts: Set<string>, apart: readonly SimNode[], nodes: readonly SimNode[]): void {
  for (const a of apart) {
    cuts.add(`controller>${a.id}`)
    for (const b of nodes) {
      if (apart.includes(b)) continue
      cuts.add(`${a.id}>${b.id}`)
      cuts.add(`${b.id}>${a.id}`)
    }
  }
}
