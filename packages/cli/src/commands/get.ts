import type { Command } from 'commander'
import { Option } from 'commander'
import type { ReadMode, Row } from '@meridian/client'
import { ERROR_TABLE } from '@meridian/protocol'
import { formatKey, MeridianError } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connect } from '../connection.ts'
import { durationMs } from '../duration.ts'
import { formatKeyPath, parseKeyPath } from '../key-path.ts'
import type { KeyPath } from '../key-path.ts'
import { printableBytes } from '../printable.ts'
import { valueJson } from '../print/rows.ts'
import { contextOf } from '../program.ts'
import { callOptions } from './range-results.ts'

const MODES = ['quorum', 'lease', 'stale'] as const

export const modeOption = (): Option =>
  new Option(
    '--mode <mode>',
    'quorum: right under every fault; lease: the leader alone; stale: the nearest replica',
  ).choices(MODES)

export const stalenessOption = (): Option =>
  new Option('--max-staleness <duration>', 'under --mode stale: how old the answer may be; default 5s').argParser(
    durationMs,
  )

export interface HowToRead {
  readonly mode?: ReadMode
  readonly maxStaleness?: number
}

/** @throws MeridianError INVALID_ARGUMENT when an age is given for a read that has none */
export function readOptions({ mode = 'quorum', maxStaleness }: HowToRead): {
  readonly mode: ReadMode
  readonly maxStalenessMs?: number
} {
  if (maxStaleness === undefined) return { mode }
  if (mode !== 'stale') throw new MeridianError('INVALID_ARGUMENT', `--max-staleness needs --mode stale, not ${mode}`)
  return { mode, maxStalenessMs: maxStaleness }
}

export function addGet(program: Command): void {
  const command = program
    .command('get')
    .summary('Read the value of a key.')
    .description('Read the value of a key. Ends with 3 when there is none.')
    .argument('<keyspace/key>', 'the key', parseKeyPath)
    .addOption(modeOption())
    .addOption(stalenessOption())
    .addOption(new Option('--raw', 'the bytes as they are, without a line end'))
    .action(async (path: KeyPath, options: HowToRead & { raw?: boolean }, self: Command) => {
      const context = contextOf(self)
      const { terminal } = context
      if (options.raw === true && terminal.json) {
        throw new MeridianError('INVALID_ARGUMENT', '--raw writes bytes and --json a document: choose one')
      }
      await using connection = await connect(context, { need: 'map' })
      const row = await connection.client.get(path.keyspace, path.key, {
        ...readOptions(options),
        ...callOptions(context),
      })
      if (options.raw === true) {
        if (row !== undefined) terminal.raw(row.value)
      } else {
        terminal.show(
          () => getJson(path, row),
          () => (row === undefined ? [] : [printableBytes(row.value)]),
        )
      }
      if (row === undefined) {
        terminal.note(`${formatKeyPath(path)}: no such key`)
        context.exitWith(ERROR_TABLE.RANGE_UNKNOWN.exit)
      }
    })
  withExamples(
    command,
    'meridian get cities/FR/2988507',
    'meridian get cities/FR/2988507 --mode stale --max-staleness 2s',
    'meridian get cities/FR/2988507 --raw > value',
  )
}

function getJson({ keyspace, key }: KeyPath, row: Row | undefined) {
  const place = { keyspace, key: formatKey(key) }
  if (row === undefined)
    return { ...place, found: false, value: null, valueBase64: null, index: null, stalenessMs: null }
  const { value, index, stalenessMs = null } = row
  return { ...place, found: true, ...valueJson(value), index, stalenessMs }
}
