import type { SimNode } from './sim-node.ts'
import type { World } from './world.ts'

/** Leaders named at arbitrary moments, crashes, cuts: each in a rhythm of its own. */
export function randomFaults(world: World): void {
  const { queue, random, ids, nodes, cuts } = world
  const rename = (): void => {
    if (!world.faulty()) return
    // Also two at once: the first may be sealing still, or be told only after the second.
    for (let times = random.next() < 0.25 ? 2 : 1; times > 0; times--)
      world.name(random.pick(world.controller.candidates))
    queue.after(random.next() < 0.3 ? random.next() * 60 : 100 + random.next() * 500, rename)
  }
  const crash = (): void => {
    if (!world.faulty()) return
    world.crash(random.pick(nodes), 300)
    queue.after(random.next() * 700, crash)
  }
  const cut = (): void => {
    if (!world.faulty()) return
    cuts.clear()
    if (random.next() < 0.6) {
      const lone = random.pick(ids)
      if (random.next() < 0.6) cuts.add(`controller>${lone}`)
      for (const other of ids) {
        if (random.next() < 0.8) cuts.add(`${lone}>${other}`)
        if (random.next() < 0.8) cuts.add(`${other}>${lone}`)
      }
    }
    queue.after(100 + random.next() * 500, cut)
  }
  queue.after(random.next() * 300, rename)
  queue.after(random.next() * 500, crash)
  queue.after(random.next() * 500, cut)
}

/**
 * The one story that random faults hardly ever tell, again and again: an old leader with entries of its own comes
 * back, spreads them one by one, and is succeeded by a leader that has never seen them.
 */
export function oldEntriesReturn(world: World): void {
  const { queue, random, ids, nodes, cuts } = world
  if (!world.faulty()) return
  const [first, second] = random.next() < 0.5 ? [nodes[0], nodes[1]] : [nodes[2], nodes[0]]
  if (first === undefined || second === undefined) return
  const cutOff = (node: SimNode): void => {
    cuts.clear()
    for (const other of ids) for (const pair of [`${node.id}>${other}`, `${other}>${node.id}`]) cuts.add(pair)
  }
  const acts: readonly (readonly [afterMs: number, act: () => void])[] = [
    [0, () => world.name(first)],
    [300, () => cutOff(first)],
    [200, () => world.name(second)],
    [0, () => cuts.add(`${second.id}>appends`)],
    [150 + random.next() * 100, () => cutOff(second)],
    [0, () => world.name(first)],
    [80 + random.next() * 250, () => cutOff(first)],
    [0, () => world.name(second)],
    [300, () => cuts.clear()],
  ]
  let atMs = 0
  for (const [afterMs, act] of acts) {
    atMs += afterMs
    queue.after(atMs, () => {
      if (world.faulty()) act()
    })
  }
  queue.after(atMs + 100, () => oldEntriesReturn(world))
}
