import { compareTokens } from '@meridian/topology'
import type { OperationId } from '@meridian/topology'
import type { LogPosition } from '../replica/log-entry.ts'
import { barrierOf } from '../replica/step.ts'
import { randomFaults } from './nemesis.ts'
import type { SimNode } from './sim-node.ts'
import type { World } from './world.ts'

export interface RegionWorldOptions {
  /** Share of the moves that are takeovers of a silent region; the others are transfers as planned. */
  readonly unplanned: number
  /** Mutant: a barrier is told while entries above it are undecided. */
  readonly tellsEarlyBarrier?: boolean
  /** Mutant: a leader named while the range is frozen is not told so. */
  readonly forgetsFreeze?: boolean
  /** Mutant: the target is not asked how far it has come. */
  readonly commitsBlindly?: boolean
}

const POLL_MS = 15
const POLLS_MAX = 40

/** The range goes to and fro between the regions, with everything else that goes wrong. */
export function regionWorld(world: World, options: RegionWorldOptions): void {
  const { queue, random } = world
  randomFaults(world)
  const cutRegions = (): void => {
    if (!world.faulty()) return
    const { owner, others } = world.controller
    for (const a of owner) {
      for (const b of others.flat()) {
        world.cuts.add(`${a.id}>${b.id}`)
        world.cuts.add(`${b.id}>${a.id}`)
      }
    }
    queue.after(random.next() * 900, cutRegions)
  }
  const move = (): void => {
    if (!world.faulty()) return
    if (random.next() < options.unplanned) takeOver(world)
    else transfer(world, options)
    queue.after(250 + random.next() * 900, move)
  }
  queue.after(random.next() * 600, cutRegions)
  queue.after(100 + random.next() * 500, move)
}

function takeOver(world: World): void {
  const { controller, random } = world
  controller.moveTo(random.pick(random.pick(controller.others)), undefined)
  followLater(world)
}

/** Those who do not own it any more learn so when they are back. */
function followLater({ queue, random, controller }: World): void {
  const generation = controller.newest.token.generation
  queue.after(random.next() * 500, () => {
    if (controller.newest.token.generation === generation) controller.follow()
  })
}

function transfer(world: World, options: RegionWorldOptions): void {
  const { controller, random, queue } = world
  if (controller.frozen !== undefined) return
  const target = random.pick(controller.others)
  const operation = controller.freeze()
  let barrier: LogPosition | undefined
  const drive = (polls: number): void => {
    if (!world.faulty() || controller.frozen !== operation) return
    if (polls === 0 || random.next() < 0.01) return controller.thaw()
    const told = controller.owner.flatMap((node) => barrierAt(node, operation, options) ?? []).at(0)
    // Told over the wide area: what happens meanwhile must not make it wrong.
    if (told !== undefined) queue.after(random.next() * 60, () => (barrier ??= told))
    const holders = target.filter((node) => barrier !== undefined && holdsBarrier(node, barrier))
    if (barrier !== undefined && (holders.length > target.length / 2 || options.commitsBlindly === true)) {
      controller.moveTo(random.pick(target), { vouchesMs: random.next() * 800 })
      followLater(world)
      return
    }
    queue.after(POLL_MS, () => drive(polls - 1))
  }
  drive(POLLS_MAX)
}

function barrierAt(node: SimNode, operation: OperationId, options: RegionWorldOptions): LogPosition | undefined {
  const { state } = node
  if (state === undefined || node.isStopped) return undefined
  const { role, commitIndex } = state
  if (options.tellsEarlyBarrier === true && role.kind === 'leading' && role.freeze === operation) {
    return { index: commitIndex, token: state.log.tokenAt(commitIndex) ?? role.token }
  }
  return barrierOf(state, operation)
}

function holdsBarrier(node: SimNode, barrier: LogPosition): boolean {
  const { entries, base } = node.durable
  const last = entries.at(-1) ?? base
  return last.index >= barrier.index && compareTokens(last.token, barrier.token) >= 0
}
