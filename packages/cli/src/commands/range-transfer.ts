import type { Command } from 'commander'
import { Option } from 'commander'
import type { MeridianClient } from '@meridian/client'
import type { Operation } from '@meridian/protocol'
import { ERROR_TABLE } from '@meridian/protocol'
import { MeridianError, operationId, regionId } from '@meridian/topology'
import type { Generation, OperationId, RegionId } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connect } from '../connection.ts'
import { followTransfer, persistently } from '../following.ts'
import { parseKeyPath } from '../key-path.ts'
import type { KeyPath } from '../key-path.ts'
import { expectOption, mutate, operationOption, reasonOption } from '../mutation.ts'
import type { MutationOptions } from '../mutation.ts'
import { operationJson, operationPage, operationSubject } from '../print/operations.ts'
import { isFree, plannedJson, plannedLines, plannedOf } from '../print/planned.ts'
import { transferJson, transferLine } from '../print/transfer.ts'
import { contextOf } from '../program.ts'
import type { CommandContext } from '../program.ts'
import type { TransferProgress } from '../transfer-progress.ts'
import { callOptions } from './range-results.ts'

interface TransferOptions extends MutationOptions {
  readonly to: RegionId
  readonly dryRun?: boolean
  readonly reason?: string
  readonly wait: boolean
  readonly expectGeneration?: Generation
}

export function addRangeTransfer(group: Command): void {
  const command = group
    .command('transfer')
    .summary('move a range to another region, with its data')
    .description(
      'Gives a range and its data to another region: it is copied there, frozen for a moment, and owned there from ' +
        'then on. No acknowledged write is lost. Interrupted, the command ends and the transfer goes on. Ends with 4 ' +
        'when the transfer was aborted, a dry run with 6 when something stands in the way.',
    )
    .argument('<keyspace/key>', 'a key of the range', parseKeyPath)
    .addOption(new Option('--to <region>', 'region that shall own it').argParser(regionId).makeOptionMandatory())
    .option('--dry-run', 'only what it would do, what it would cost and what stands in the way')
    .addOption(reasonOption())
    .option('--no-wait', 'end as soon as it has begun')
    .addOption(operationOption())
    .addOption(expectOption('the range'))
    .action(async (path: KeyPath, options: TransferOptions, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'regions' })
      if (options.dryRun === true) await dryRun(context, connection.client, path, options.to)
      else await transfer(context, connection.client, path, options)
    })
  withExamples(
    command,
    'meridian range transfer cities/FR --to us-east --dry-run',
    'meridian range transfer cities/FR --to us-east --reason "upgrade of eu-west"',
  )
}

async function dryRun(
  context: CommandContext,
  { operations }: MeridianClient,
  { keyspace, key }: KeyPath,
  target: RegionId,
): Promise<void> {
  const plan = plannedOf(await operations.plan({ kind: 'range', keyspace, key, target }, callOptions(context)))
  context.terminal.show(
    () => ({ transfers: plan.map(plannedJson) }),
    () => plannedLines(plan, context.terminal.layout),
  )
  if (!plan.every(isFree)) context.exitWith(ERROR_TABLE.LINK_LEAK.exit)
}

async function transfer(
  context: CommandContext,
  client: MeridianClient,
  { keyspace, key }: KeyPath,
  options: TransferOptions,
): Promise<void> {
  const { terminal, clock } = context
  const beganMs = clock.nowMs()
  const { to: target, reason = '', expectGeneration } = options
  const order = { keyspace, key, target, reason }
  const begun = await mutate(context, options, (id) =>
    persistently(context, () =>
      client.operations.transfer(
        id,
        expectGeneration === undefined ? order : { ...order, expected: expectGeneration },
        callOptions(context),
      ),
    ),
  )
  const operation = operationId(begun.result.operation)
  if (!options.wait) {
    terminal.show(
      () => ({ operation: operationJson(begun.result) }),
      () => operationPage(begun.result, context.now().getTime(), terminal.layout),
    )
    terminal.note(howToGoOn(operation))
    return
  }
  terminal.note(operationSubject(begun.result))
  let progress: TransferProgress
  try {
    progress = await followTransfer(context, client.operations, begun.result, beganMs)
  } catch (error) {
    terminal.note(`the transfer goes on by itself; ${howToGoOn(operation)}`)
    throw error
  }
  if (progress.operation.phase !== 'done') throw aborted(progress.operation)
  const range = await persistently(context, () => client.control.lookup(keyspace, key, false, callOptions(context)))
  const tookMs = clock.nowMs() - beganMs
  terminal.show(
    () => transferJson(progress, range, tookMs),
    () => [transferLine(progress, range, tookMs)],
  )
}

function aborted({ operation, phase, note }: Operation): MeridianError {
  return new MeridianError('TRANSFER_ENDED', `the transfer ended as ${phase}: ${note || 'nobody said why'}`, {
    details: { operation, phase },
  })
}

function howToGoOn(operation: OperationId): string {
  return `watch it: meridian ops show ${operation}; stop it: meridian ops abort ${operation}`
}
