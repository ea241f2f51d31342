import { mean } from './numbers.ts'
import type { CellLine, RegionPlace } from './report-input.ts'

/** What one place of the leader costs; the means are null unless every client's cell can be used. */
export interface LeaderRow {
  readonly leader: RegionPlace
  /** In the order of the matrix's regions; null where nothing was measured. */
  readonly cells: readonly (CellLine | null)[]
  readonly cost: LeaderCost | null
}

/** Over all client regions, each counting the same. */
export interface LeaderCost {
  readonly meanFloorMs: number
  readonly meanMs: number
  readonly worstMs: number
}

export interface TaxMatrix {
  readonly operation: string
  readonly regions: readonly RegionPlace[]
  readonly rows: readonly LeaderRow[]
}

/** A cell that may stand in a mean: measured, and not rejected. */
export interface UsableCell extends CellLine {
  readonly floorMs: number
  readonly oursP50Ms: number
}

export const isUsable = (cell: CellLine | null): cell is UsableCell =>
  cell !== null && cell.rejected === null && cell.floorMs !== null && cell.oursP50Ms !== null

/** Cells of one operation by (leader, client). A cell measured again replaces the earlier one. */
export function taxMatrix(operation: string, lines: readonly CellLine[], regions: readonly RegionPlace[]): TaxMatrix {
  const cells = new Map(
    lines
      .filter((line) => line.operation === operation)
      .map((line) => [JSON.stringify([line.leaderRegion, line.clientRegion]), line]),
  )
  const rows = regions.map((leader): LeaderRow => {
    const own = regions.map((client) => cells.get(JSON.stringify([leader.id, client.id])) ?? null)
    const usable = own.filter(isUsable)
    if (usable.length < own.length) return { leader, cells: own, cost: null }
    return {
      leader,
      cells: own,
      cost: {
        meanFloorMs: mean(usable.map((cell) => cell.floorMs)),
        meanMs: mean(usable.map((cell) => cell.oursP50Ms)),
        worstMs: Math.max(...usable.map((cell) => cell.oursP50Ms)),
      },
    }
  })
  return { operation, regions, rows }
}

export const matrixCells = (matrix: TaxMatrix): readonly CellLine[] =>
  matrix.rows.flatMap((row) => row.cells).filter((cell) => cell !== null)

export interface RankedRow extends LeaderRow {
  readonly cost: LeaderCost
}

/** Places with a complete row, the cheapest measured mean first. */
export const rankedRows = (matrix: TaxMatrix): readonly RankedRow[] =>
  matrix.rows.filter((row): row is RankedRow => row.cost !== null).toSorted((a, b) => a.cost.meanMs - b.cost.meanMs)

/** Operations in the order in which they first appear. */
export const operationsOf = (lines: readonly CellLine[]): readonly string[] => [
  ...new Set(lines.map((line) => line.operation)),
]

/** The wanted operation if it was measured, else the one with the most cells: a report without a map says nothing. */
export function mainOperation(lines: readonly CellLine[], wanted: string): string {
  const operations = operationsOf(lines)
  if (operations.includes(wanted)) return wanted
  const cells = (operation: string): number => lines.filter((line) => line.operation === operation).length
  return operations.toSorted((a, b) => cells(b) - cells(a))[0] ?? wanted
}
