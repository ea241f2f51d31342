import type { CallOptions, Mutated } from '@meridian/client'
import type { OperationId, RangeDescriptor } from '@meridian/topology'
import { rangeJson, rangeLines } from '../print/ranges.ts'
import type { CommandContext } from '../program.ts'

export function callOptions({ options, signal }: CommandContext): CallOptions {
  return { timeoutMs: options.timeoutMs, signal }
}

/** The ranges a change left behind. */
export function showMutated(context: CommandContext, done: { operation: OperationId; result: Mutated }): void {
  const { operation, result } = done
  context.terminal.show(
    () => ({ operation, revision: result.revision, ranges: result.ranges.map(rangeJson) }),
    () => rangeLines(result.ranges, context.terminal.layout),
  )
  context.terminal.note(`decided at revision ${result.revision} of the global tier`)
}

export function showRange(context: CommandContext, range: RangeDescriptor): void {
  context.terminal.show(
    () => ({ range: rangeJson(range) }),
    () => rangeLines([range], context.terminal.layout),
  )
}
