import { cellTax } from './heat-map.ts'
import { markup } from './markup.ts'
import type { Markup } from './markup.ts'
import { countWord, mean, ms, ratio } from './numbers.ts'
import { isUsable, matrixCells, rankedRows } from './tax-matrix.ts'
import type { TaxMatrix } from './tax-matrix.ts'

export interface Finding {
  readonly title: Markup
  readonly sentence: Markup
  /** The figures of the sentence, each with what it is. */
  readonly figures: readonly { readonly value: string; readonly label: string }[]
}

/** What the matrix says, computed; nothing is claimed of places whose row has a hole. */
export function findingOf(matrix: TaxMatrix): Finding {
  const ranked = rankedRows(matrix)
  const [best] = ranked
  const dearest = ranked.at(-1)
  const total = matrix.regions.length
  const holes = total - ranked.length
  if (best === undefined || dearest === undefined) {
    return {
      title: markup`What a global commit costs`,
      sentence: markup`No place of the leader has a complete row of usable cells, so nothing is ranked here. The cells that were measured, and why the others were rejected, follow.`,
      figures: [],
    }
  }
  const factor = dearest.cost.meanMs / best.cost.meanMs
  const overFloor = best.cost.meanMs / best.cost.meanFloorMs
  const steadiest = ranked.toSorted((a, b) => a.cost.worstMs - b.cost.worstMs)[0] ?? best
  const wrong =
    ranked.length < 2
      ? null
      : markup` Led from ${dearest.leader.displayName} it would take ${ms(dearest.cost.meanMs)} ms, <b>${ratio(factor, 1)} times as much</b>, and no code wins that back.`
  const worst =
    steadiest.leader.id === best.leader.id
      ? null
      : markup` Whoever minds the worst client more than the mean leads from ${steadiest.leader.displayName}: ${ms(steadiest.cost.worstMs)} ms there against ${ms(best.cost.worstMs)} ms.`
  const unranked =
    holes === 0
      ? null
      : markup` ${capital(countWord(holes))} of ${countWord(total)} places ${holes === 1 ? 'is' : 'are'} not ranked, because of rejected or missing cells.`
  const taxes = matrixCells(matrix)
    .filter(isUsable)
    .flatMap((cell) => cellTax(cell) ?? [])
  const overRaw = matrixCells(matrix)
    .filter(isUsable)
    .flatMap((cell) => (cell.rawP50Ms === null ? [] : [cell.oursP50Ms - cell.rawP50Ms]))
    .toSorted((a, b) => a - b)
  const middle = overRaw[Math.floor((overRaw.length - 1) / 2)]
  return {
    title: markup`A global commit costs ${ms(best.cost.meanMs, 0)} ms led from ${best.leader.displayName}; distance alone is ${ms(best.cost.meanFloorMs, 0)}`,
    sentence: markup`With the leader in <b>${best.leader.displayName}</b> the median commit takes <b>${ms(best.cost.meanMs)} ms</b> in the mean over ${countWord(total)} client regions, ${ratio(overFloor)} times what the measured links allow.${wrong}${worst}${unranked}`,
    figures: [
      { value: `${ms(best.cost.meanMs)} ms`, label: `mean of the medians, led from ${best.leader.displayName}` },
      ...(ranked.length < 2
        ? []
        : [{ value: `${ratio(factor, 2)} ×`, label: `what the dearest place costs, ${dearest.leader.displayName}` }]),
      ...(taxes.length === 0
        ? []
        : [{ value: `${ratio(mean(taxes))} ×`, label: 'tax ratio: measured over floor, mean of all usable cells' }]),
      ...(middle === undefined
        ? []
        : [
            {
              value: `${middle < 0 ? '−' : '+'}${ms(Math.abs(middle), 2)} ms`,
              label: 'ours beside raw etcd, median of cells',
            },
          ]),
    ],
  }
}

const capital = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1)
