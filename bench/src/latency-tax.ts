import type { Clock } from '@meridian/loop'
import { distributionOf } from './distribution.ts'
import type { Distribution } from './distribution.ts'

/** Somebody in one region who can have a commit made by the global tier. */
export interface TaxClient {
  readonly region: string
  /** One control operation through the product's API that ends with a commit; a different change each time. */
  operate(signal: AbortSignal): Promise<void>
  /** The least that commits: one transaction at the nearest voter, nothing of ours in between. */
  commitRaw(signal: AbortSignal): Promise<void>
}

export interface TaxOptions {
  readonly clients: readonly TaxClient[]
  /** Where the global tier's leader is put, one after the other. */
  readonly leaders: readonly string[]
  /** Resolves when the leader is there; the time it took, ms. */
  readonly moveLeader: (region: string, signal: AbortSignal) => Promise<number>
  /** From *calibrated* round trips: nominal ones would blame the emulation's own time on the protocol. */
  readonly floorMs: (client: string, leader: string) => number
  /** Measured operations per client and leader place. */
  readonly samples: number
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly onCell?: (cell: TaxCell) => void
}

export interface TaxCell {
  readonly leader: string
  readonly client: string
  readonly floorMs: number
  readonly operationMs: Distribution
  readonly rawMs: Distribution
}

export interface LatencyTax {
  readonly cells: readonly TaxCell[]
  readonly moves: readonly { readonly leader: string; readonly tookMs: number }[]
}

/**
 * What a global control operation costs against the floor that distance sets, for each client region and each place
 * of the leader. A closed loop, because the question is the cost of one operation and not of a load: one operation at
 * a time, ours and the raw one in turn, so that whatever disturbs the machine disturbs both alike.
 *
 * NOT measured: queues, contention, anything at all under load.
 */
export async function measureLatencyTax(options: TaxOptions): Promise<LatencyTax> {
  const { clients, leaders, clock, signal } = options
  const cells: TaxCell[] = []
  const moves: { leader: string; tookMs: number }[] = []
  const timed = async (work: (signal: AbortSignal) => Promise<void>): Promise<number> => {
    const begunMs = clock.nowMs()
    await work(signal)
    return clock.nowMs() - begunMs
  }
  for (const leader of leaders) {
    signal.throwIfAborted()
    moves.push({ leader, tookMs: await options.moveLeader(leader, signal) })
    for (const client of clients) {
      // Connections, and the new leader's streams to its followers, are made before anything counts.
      await client.operate(signal)
      await client.commitRaw(signal)
      const operationMs: number[] = []
      const rawMs: number[] = []
      for (let sample = 0; sample < options.samples; sample += 1) {
        operationMs.push(await timed((each) => client.operate(each)))
        rawMs.push(await timed((each) => client.commitRaw(each)))
      }
      const cell: TaxCell = {
        leader,
        client: client.region,
        floorMs: options.floorMs(client.region, leader),
        operationMs: distributionOf(operationMs),
        rawMs: distributionOf(rawMs),
      }
      cells.push(cell)
      options.onCell?.(cell)
    }
  }
  return { cells, moves }
}
