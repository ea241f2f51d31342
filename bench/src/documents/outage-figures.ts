import type { FailoverResult } from '../outage/failover.ts'
import type { RegionLossResult } from '../outage/region-loss.ts'
import type { TransferResult } from '../outage/transfer.ts'
import { markdownTable } from './markdown-table.ts'

type OutageResult = FailoverResult | TransferResult | RegionLossResult

/** First line of a results file. */
interface OutageRun {
  readonly date: string
  readonly cores: number
  readonly cpu: string
}

/** Names of the results files of outages, in the order in which they are shown, and the command that writes each. */
const FILES: readonly (readonly [file: string, command: string])[] = [
  ['failover-6000', 'failover'],
  ['failover-1000', 'failover --node-lease 1000'],
  ['transfer', 'transfer'],
  ['region-loss-4000', 'region-loss'],
  ['region-loss-4000-leader', 'region-loss --with-leader'],
]

/** What outages cost, from the results files by name: a row per question, and what is not measured yet. */
export function outageFigures(texts: ReadonlyMap<string, string>): string {
  const files = FILES.map(([file, command]) => {
    const text = texts.get(file)
    return { command, ...(text === undefined ? {} : parsed(text)) }
  })
  const rows = files.map(({ command, result }) => [
    `\`${command}\``,
    ...(result === undefined ? ['not measured yet', '', ''] : rowOf(result)),
  ])
  const runs = files.flatMap(({ run }) => run ?? [])
  const [first] = runs
  return [
    ...(first === undefined
      ? []
      : [
          `Runs of ${[...new Set(runs.map(({ date }) => date.slice(0, 10)))].join(', ')} on ${first.cores} cores (${first.cpu}), three regions.`,
        ]),
    markdownTable(4, ['`./meridian bench`', 'what happens', 'measured', 'goal'], rows),
  ].join('\n\n')
}

function rowOf(result: OutageResult): [what: string, measured: string, goal: string] {
  switch (result.bench) {
    case 'failover-summary': {
      const { kills, nodeLeaseMs, nodeWaitMs, perShardMs, lastShardMs, failed, unknown } = result
      const short = nodeLeaseMs < 6000
      const goalMs = short ? 2500 : nodeWaitMs + 1000
      return [
        `SIGKILL of the node that leads, ${kills} times, with leases of ${seconds(nodeLeaseMs)}: first write of each shard after it`,
        `p50 ${seconds(perShardMs.p50)}, p99 ${seconds(perShardMs.p99)}; last shard p50 ${seconds(lastShardMs.p50)}, max ${seconds(lastShardMs.max)}; ${asked(failed, unknown)}`,
        `p99 <= ${seconds(goalMs)}${short ? '' : ' (the wait of a taker and 1 s)'}: ${met(perShardMs.p99 <= goalMs)}`,
      ]
    }
    case 'transfer-summary': {
      const { transfers, writesPerS, shards, gapMs, quietGapMs, floorMs, failed, unknown } = result
      return [
        `planned transfer of a range of ${shards} shards, ${transfers} times, under ${writesPerS} writes/s: longest time without an acknowledged write, shard by shard`,
        `p50 ${seconds(gapMs.p50)}, p99 ${seconds(gapMs.p99)} (without a transfer p50 ${seconds(quietGapMs.p50)}; floor, one global commit and the last entries on their way, ${seconds(floorMs)}); ${asked(failed, unknown)}`,
        `p99 <= 2.0 s: ${met(gapMs.p99 <= 2000)}; none failed: ${met(failed === 0)}`,
      ]
    }
    case 'region-loss': {
      const { ranges, withLeader, waitMs, firstTakenMs, lastTakenMs, firstServedMs, allLedMs, failed, unknown } = result
      return [
        `SIGKILL of all of a region with ${ranges.toLocaleString('en')} ranges${withLeader ? ' and the leader of the global tier' : ''}, for which a taker must wait ${seconds(waitMs)}`,
        `first range taken after ${seconds(firstTakenMs)}, last ${seconds(lastTakenMs)}; first write elsewhere after ${seconds(firstServedMs)}, every shard led after ${seconds(allLedMs)}; ${asked(failed, unknown)}`,
        `first write <= 15 s: ${met(firstServedMs <= 15_000)}; last range <= 60 s: ${met(allLedMs <= 60_000)}`,
      ]
    }
  }
}

const met = (is: boolean): string => (is ? 'met' : 'not met')
const asked = (failed: number, unknown: number): string => `writes failed: ${failed}, unknown: ${unknown}`
const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 1000 ? 2 : 1)} s`

/** The run is the first line, the summary the last. @throws Error for a file that no benchmark of outages wrote */
function parsed(text: string): { readonly run: OutageRun; readonly result: OutageResult } {
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line))
  const result = lines.at(-1) as OutageResult
  if (!['failover-summary', 'transfer-summary', 'region-loss'].includes(result.bench)) {
    throw new Error(`a results file that ends with ${JSON.stringify(result)}`)
  }
  return { run: lines[0] as OutageRun, result }
}
