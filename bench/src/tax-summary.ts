import type { TaxCell } from './latency-tax.ts'

/** How many times the floor the median operation took; 1 is physics. */
export const taxRatio = (cell: TaxCell): number => cell.operationMs.p50 / cell.floorMs

export interface LeaderPlace {
  readonly leader: string
  /** Means over the client regions, each region counting the same. */
  readonly meanFloorMs: number
  readonly meanOperationMs: number
  readonly worstOperationMs: number
}

/** What each place of the leader costs all clients together, the cheapest mean floor first. */
export function leaderPlaces(cells: readonly TaxCell[]): readonly LeaderPlace[] {
  const leaders = [...new Set(cells.map((cell) => cell.leader))]
  const places = leaders.map((leader) => {
    const own = cells.filter((cell) => cell.leader === leader)
    const mean = (of: (cell: TaxCell) => number) => own.reduce((sum, cell) => sum + of(cell), 0) / own.length
    return {
      leader,
      meanFloorMs: mean((cell) => cell.floorMs),
      meanOperationMs: mean((cell) => cell.operationMs.p50),
      worstOperationMs: Math.max(...own.map((cell) => cell.operationMs.p50)),
    }
  })
  return places.toSorted((a, b) => a.meanFloorMs - b.meanFloorMs)
}
