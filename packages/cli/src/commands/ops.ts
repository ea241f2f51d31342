import type { Command } from 'commander'
import { operationId } from '@meridian/topology'
import type { OperationId } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connect } from '../connection.ts'
import { reasonOption } from '../mutation.ts'
import { operationJson, operationLines, operationPage } from '../print/operations.ts'
import { contextOf } from '../program.ts'
import { showing, WATCH_HELP } from '../watching.ts'
import { callOptions } from './range-results.ts'

export function addOps(program: Command): void {
  const group = program
    .command('ops')
    .summary('Operations that take several commits: transfers, takeovers.')
    .description('Transfers and takeovers in flight and lately ended, as the journal of the global tier has them.')
  withExamples(group, 'meridian ops list')
  addList(group)
  addShow(group)
  addAbort(group)
}

function addList(group: Command): void {
  const command = group
    .command('list')
    .summary('what is in flight')
    .description('Operations in flight, the newest first.')
    .option('--all', 'also those that ended in the last hour')
    .option('--watch', WATCH_HELP)
    .action(async (options: { all?: boolean; watch?: boolean }, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'nothing' })
      await showing(context, options.watch ?? false, async () => {
        const listed = await connection.client.operations.list(options.all ?? false, callOptions(context))
        const operations = listed.toSorted((a, b) => Number(b.startedWallMs - a.startedWallMs))
        return {
          json: { operations: operations.map(operationJson) },
          lines: operationLines(operations, context.now().getTime(), context.terminal.layout),
        }
      })
    })
  withExamples(command, 'meridian ops list', 'meridian ops list --all --json')
}

function addShow(group: Command): void {
  const command = group
    .command('show')
    .summary('how far one is, and what it waits for')
    .description('One operation: what it is about, how far it is, what it waits for or why it ended.')
    .argument('<operation>', 'its id', operationId)
    .option('--watch', WATCH_HELP)
    .action(async (operation: OperationId, options: { watch?: boolean }, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'nothing' })
      await showing(context, options.watch ?? false, async () => {
        const found = await connection.client.operations.get(operation, callOptions(context))
        return {
          json: { operation: operationJson(found) },
          lines: operationPage(found, context.now().getTime(), context.terminal.layout),
        }
      })
    })
  withExamples(command, 'meridian ops show cli-0d1f', 'meridian ops show takeover:us-east:4 --watch')
}

function addAbort(group: Command): void {
  const command = group
    .command('abort')
    .summary('end a transfer before its commit')
    .description(
      'Ends a transfer before its commit; the range stays where it is and takes writes again. Repeating it is harmless. ' +
        'Ends with 4 when the transfer was committed already.',
    )
    .argument('<operation>', 'its id', operationId)
    .addOption(reasonOption())
    .action(async (operation: OperationId, options: { reason?: string }, self: Command) => {
      const context = contextOf(self)
      const { terminal } = context
      await using connection = await connect(context, { need: 'nothing' })
      const { operations } = connection.client
      const found = await operations.abort(operation, options.reason ?? '', callOptions(context))
      terminal.show(
        () => ({ operation: operationJson(found) }),
        () => operationPage(found, context.now().getTime(), terminal.layout),
      )
    })
  withExamples(command, 'meridian ops abort cli-0d1f --reason "eu-west is needed"')
}
