import type { Command } from 'commander'
import type { TaxRow } from '@meridian/protocol'
import { ERROR_TABLE } from '@meridian/protocol'
import { isMeridianError } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connectAt } from '../connection.ts'
import type { Connection } from '../connection.ts'
import { findPlaces } from '../place.ts'
import { taxJson, taxLines } from '../print/tax.ts'
import { contextOf } from '../program.ts'
import type { CommandContext } from '../program.ts'
import { showing, WATCH_HELP } from '../watching.ts'

/** A region that needs longer is left out, ms. */
const ANSWER_MS_MAX = 5000

/** Others may add commands below it. */
export function addTax(program: Command): void {
  const command = program
    .command('tax')
    .summary('What control operations cost against what distance allows.')
    .description(
      'Control operations since the servers started, each kind with the least time that distance allows, from the ' +
        'round trips as measured, with what it took, and the ratio of both. All regions, or the one of --region. Ends ' +
        'with 6 when a region gives no answer.',
    )
    .option('--watch', WATCH_HELP)
    .action(async (options: { watch?: boolean }, self: Command) => tax(contextOf(self), options.watch ?? false))
  withExamples(command, 'meridian tax', 'meridian tax --region us-east --watch')
}

async function tax(context: CommandContext, watch: boolean): Promise<void> {
  const { options, terminal } = context
  const [home, ...others] = await findPlaces(options)
  const places = options.region === undefined ? [home, ...others] : [home]
  await using connections = new AsyncDisposableStack()
  const asked: Connection[] = []
  for (const place of places) asked.push(connections.use(await connectAt(context, place, { need: 'nothing' })))
  let silent = 0
  await showing(context, watch, async () => {
    const answers = await Promise.all(asked.map((each) => rowsOf(context, each)))
    silent = answers.filter((rows) => rows === undefined).length
    const rows = answers.flatMap((each) => each ?? [])
    return { json: taxJson(rows), lines: taxLines(rows, terminal.layout) }
  })
  if (silent > 0) {
    context.exitWith(silent === asked.length ? ERROR_TABLE.UNAVAILABLE.exit : ERROR_TABLE.LINK_LEAK.exit)
  }
}

async function rowsOf(context: CommandContext, { client, place }: Connection): Promise<readonly TaxRow[] | undefined> {
  const { options, signal, terminal } = context
  try {
    return await client.control.tax(undefined, { timeoutMs: Math.min(options.timeoutMs, ANSWER_MS_MAX), signal })
  } catch (error) {
    signal.throwIfAborted()
    if (!isMeridianError(error)) throw error
    terminal.note(`${place.label} gave no answer, ${error.code}: ${error.message}`)
    return undefined
  }
}
