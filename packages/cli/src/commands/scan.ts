import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import type { Row } from '@meridian/client'
import { EMPTY_KEY, formatKeyRange, keyspaceName, MeridianError, parseKey, rangeIsEmpty } from '@meridian/topology'
import type { Key, KeyRange, KeyspaceName } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connect } from '../connection.ts'
import { prefixRange } from '../key-path.ts'
import { rowJson, rowLine } from '../print/rows.ts'
import { contextOf } from '../program.ts'
import { modeOption, readOptions, stalenessOption } from './get.ts'
import type { HowToRead } from './get.ts'
import { callOptions } from './range-results.ts'

const LIMIT_DEFAULT = 100
const LIMIT_MAX = 100_000

interface ScanOptions extends HowToRead {
  readonly from?: Key
  readonly to?: Key
  readonly prefix?: Key
  readonly limit?: number
  readonly count?: boolean
}

export function addScan(program: Command): void {
  const command = program
    .command('scan')
    .summary('Read or count keys in order.')
    .description('Read keys in order, each shard at a moment of its own.')
    .argument('<keyspace>', 'name of the keyspace', keyspaceName)
    .addOption(new Option('--from <key>', 'first key').argParser(parseKey))
    .addOption(new Option('--to <key>', 'the key after the last one').argParser(parseKey))
    .addOption(new Option('--prefix <key>', 'what keys begin with').argParser(parseKey).conflicts(['from', 'to']))
    .addOption(new Option('--limit <n>', `rows, at most ${LIMIT_MAX}; default ${LIMIT_DEFAULT}`).argParser(parseLimit))
    .addOption(new Option('--count', 'only how many keys there are').conflicts('limit'))
    .addOption(modeOption())
    .addOption(stalenessOption())
    .action(async (keyspace: KeyspaceName, options: ScanOptions, self: Command) => {
      const context = contextOf(self)
      const { terminal } = context
      const interval = intervalOf(options)
      await using connection = await connect(context, { need: 'map' })
      const { client } = connection
      const read = { ...readOptions(options), ...callOptions(context) }
      if (options.count === true) {
        const count = await client.count(keyspace, interval, read)
        terminal.show(
          () => ({ keyspace, count }),
          () => [String(count)],
        )
        return
      }
      const limit = options.limit ?? LIMIT_DEFAULT
      const rows: Row[] = []
      let shown = 0
      let more = false
      for await (const row of client.scan(keyspace, interval, read)) {
        more = shown === limit
        if (more) break
        shown += 1
        if (terminal.json) rows.push(row)
        else terminal.print(rowLine(row))
      }
      if (terminal.json) terminal.document({ keyspace, rows: rows.map(rowJson), more })
      if (more) terminal.note(`stopped after ${limit} rows; there are more: --limit N, or --from the last one`)
    })
  withExamples(command, 'meridian scan cities --prefix FR/ --limit 10', 'meridian scan cities --count')
}

/** @throws MeridianError RANGE_EMPTY */
export function intervalOf(options: Pick<ScanOptions, 'from' | 'to' | 'prefix'>): KeyRange {
  if (options.prefix !== undefined) return prefixRange(options.prefix)
  const interval = { start: options.from ?? EMPTY_KEY, end: options.to ?? EMPTY_KEY }
  if (rangeIsEmpty(interval)) throw new MeridianError('RANGE_EMPTY', `${formatKeyRange(interval)} holds no key`)
  return interval
}

function parseLimit(text: string): number {
  const limit = /^[0-9]{1,6}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > LIMIT_MAX) throw new InvalidArgumentError(`Write a number from 1 to ${LIMIT_MAX}.`)
  return limit
}
