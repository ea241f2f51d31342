import type { NodeId } from '@meridian/topology'
import type { SimNode } from './sim-node.ts'
import type { World } from './world.ts'

export interface LeaseWorldOptions {
  /** How long a leader must be silent, by the grantor's clock, before another is named. */
  readonly waitMs: number
  /** Holders slow and the grantor fast, as far apart as the bound allows; else anything within it. */
  readonly worstClocks?: boolean
  /** The clocks of the holders stand still, all of them and all the time; the grantor's does not. */
  readonly clocksStandStill?: boolean
  /** Of the reads, those that go by the lease. Default 0.7. */
  readonly leaseReads?: number
}

/** Clocks wrong by up to a fifth, so that a missing margin shows. */
const DRIFT = 0.2
const LEASE_MS = 2_000
const RENEW_MS = 500
const DELAY_MS_MAX = 500

/** L (1 + d) / (1 - d) and a little. */
export const LEASE_WAIT_MS = (LEASE_MS * (1 + DRIFT)) / (1 - DRIFT) + 50

export function holderRate(random: { next(): number }, options: LeaseWorldOptions): number {
  if (options.clocksStandStill === true) return 0
  return options.worstClocks === true ? 1 - DRIFT : drifting(random)
}

function drifting(random: { next(): number }): number {
  return 1 + DRIFT * (2 * random.next() - 1)
}

/** Leaders hold leases and are replaced only when the grantor has waited; meanwhile they are stopped, cut off, killed. */
export function leaseWorld(world: World, options: LeaseWorldOptions): void {
  const { queue, random, ids, nodes, cuts } = world
  grantLeases(world, options)
  const trouble = (): void => {
    if (!world.faulty()) return
    const node = nodes.find((each) => each.id === world.newest().leader?.nodeId) ?? random.pick(nodes)
    const die = random.next()
    if (die < 0.2) world.crash(node, 1_000)
    else if (die < 0.6) {
      node.stop()
      queue.after(500 + random.next() * 5_000, () => node.resume())
    } else {
      // Cut off from everybody but the clients.
      for (const other of [...ids, 'controller']) {
        for (const pair of [`${node.id}>${other}`, `${other}>${node.id}`]) cuts.add(pair)
      }
      queue.after(500 + random.next() * 5_000, () => cuts.clear())
    }
    queue.after(1_000 + random.next() * 7_000, trouble)
  }
  trouble()
}

/** The grantor: when it saw which life of a node renew last, by its own clock. */
function grantLeases(world: World, options: LeaseWorldOptions): void {
  const { queue, random, nodes, cuts } = world
  const rate = options.worstClocks === true ? 1 + DRIFT : drifting(random)
  const grantorMs = (): number => queue.nowMs * rate
  const renewals = new Map<NodeId, { readonly life: number; readonly atMs: number }>()
  const condemned = new Set<string>()
  const far = (from: string, to: string, deliver: () => void): void => {
    if (!cuts.has(`${from}>${to}`)) queue.after(random.next() * DELAY_MS_MAX, deliver)
  }
  const renewed = (node: SimNode, life: number, sentMs: number): void => {
    const known = renewals.get(node.id)
    if (known !== undefined && known.life > life) return
    // A life that was given up renews no more: told so, the process starts anew.
    if (condemned.has(`${node.id}/${life}`)) {
      far('controller', node.id, () => {
        if (node.life === life) node.crash()
        node.start()
      })
      return
    }
    renewals.set(node.id, { life, atMs: grantorMs() })
    far('controller', node.id, () => node.leaseGranted(life, sentMs, LEASE_MS))
  }
  const renew = (node: SimNode): void => {
    const { life, clockMs } = node
    if (node.state !== undefined && !node.isStopped) far(node.id, 'controller', () => renewed(node, life, clockMs))
    queue.after(RENEW_MS, () => renew(node))
  }
  const watch = (): void => {
    const { leader } = world.newest()
    const known = leader === undefined ? undefined : renewals.get(leader.nodeId)
    const reborn = known !== undefined && BigInt(known.life) !== leader?.nodeEpoch
    if (leader !== undefined && known !== undefined && (reborn || grantorMs() - known.atMs >= options.waitMs)) {
      const able = nodes.filter((node) => node.id !== leader.nodeId && node.state !== undefined)
      if (able.length > 0) {
        condemned.add(`${leader.nodeId}/${leader.nodeEpoch}`)
        world.name(random.pick(able), false)
      }
    }
    queue.after(20, watch)
  }
  for (const node of nodes) renew(node)
  watch()
}
