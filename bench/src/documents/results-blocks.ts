import { parseShift } from '../leader-shift/parse-shift.ts'
import { parseResults } from '../report/parse-results.ts'
import { shiftFigures } from './shift-figures.ts'
import { taxFigures } from './tax-figures.ts'

const NAME = /^(latency-tax|leader-shift)-(.+)$/

/**
 * What is to be written of the results of that name, for example `latency-tax-aws-3`; undefined for a name that no
 * benchmark writes.
 *
 * @param jsonl the text of the file, undefined when there is none
 */
export function resultsBlock(name: string, jsonl: string | undefined): string | undefined {
  const [, bench, topology] = NAME.exec(name) ?? []
  if (bench === undefined || topology === undefined) return undefined
  if (jsonl === undefined) return `Not measured yet: \`./meridian bench ${bench} --topology ${topology}\`.`
  return bench === 'latency-tax' ? taxFigures(parseResults(jsonl)) : shiftFigures(parseShift(jsonl))
}
