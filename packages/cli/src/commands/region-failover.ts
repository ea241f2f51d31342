import type { Command } from 'commander'
import type { MeridianClient } from '@meridian/client'
import type { FailOverRegionResponse, Operation } from '@meridian/protocol'
import { ERROR_TABLE } from '@meridian/protocol'
import { counted, MeridianError, operationId, regionId } from '@meridian/topology'
import type { RegionId } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { confirm } from '../confirm.ts'
import { connect } from '../connection.ts'
import { LOOK_EVERY_MS, persistently } from '../following.ts'
import { reasonOption } from '../mutation.ts'
import { operationJson, operationPage, operationSubject } from '../print/operations.ts'
import { isFree, plannedJson, plannedLines, plannedOf } from '../print/planned.ts'
import { contextOf } from '../program.ts'
import type { CommandContext } from '../program.ts'
import { callOptions } from './range-results.ts'

interface FailoverOptions {
  readonly dryRun?: boolean
  readonly poweredOff?: boolean
  readonly evenStranded?: boolean
  readonly reason?: string
  readonly yes?: boolean
}

export function addRegionFailover(group: Command): void {
  const command = group
    .command('failover')
    .summary('take the ranges of a region that is lost, by hand')
    .description(
      'Takes the authority of a region that is not, or not yet, declared lost, then gives its ranges to standbys. ' +
        'What they have not copied is lost to them, and is kept aside in the region when it returns. Ends with 6 when ' +
        'ranges are left.',
    )
    .argument('<region>', 'the region to give up', regionId)
    .option('--dry-run', 'only which ranges would go where, and what stands in the way')
    .option('--powered-off', 'you attest that nothing of it runs: its lease is not waited for')
    .option('--even-stranded', 'also if ranges are left that nobody can take')
    .addOption(reasonOption())
    .option('--yes', 'do not ask for the name of the region to be typed')
    .action(async (region: RegionId, options: FailoverOptions, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'regions', awayFrom: region })
      await failover(context, connection.client, region, options)
    })
  withExamples(
    command,
    'meridian region failover us-east --dry-run',
    'meridian region failover us-east --powered-off --reason "fire" --yes',
  )
}

async function failover(
  context: CommandContext,
  { operations }: MeridianClient,
  region: RegionId,
  options: FailoverOptions,
): Promise<void> {
  const { terminal, clock, signal } = context
  const { reason = '', poweredOff = false, evenStranded = false } = options
  const ask = (dryRun: boolean): Promise<FailOverRegionResponse> =>
    operations.failOver(region, { reason, poweredOff, evenStranded, dryRun }, callOptions(context))

  const plan = plannedOf((await ask(true)).takes)
  if (options.dryRun === true) {
    terminal.show(
      () => ({ takes: plan.map(plannedJson) }),
      () => plannedLines(plan, terminal.layout),
    )
    if (!plan.every(isFree)) context.exitWith(ERROR_TABLE.LINK_LEAK.exit)
    return
  }
  if (!terminal.json && options.yes !== true) terminal.print(...plannedLines(plan, terminal.layout))
  const wait = poweredOff ? 'Its lease is not waited for.' : 'Its lease is waited for.'
  const question = `${region} loses ${counted(plan.length, 'range')} and what its standbys have not copied. ${wait}`
  await confirm(context, options.yes ?? false, question, region)

  const { operation: begun } = await ask(false)
  if (begun === undefined) throw new MeridianError('INTERNAL', 'a failover was answered without an operation')
  const id = operationId(begun.operation)
  terminal.note(`operation ${id}`)
  let seen: Operation = begun
  try {
    for (let said = ''; !seen.ended;) {
      const line = `${seen.phase}: ${operationSubject(seen)}${seen.note === '' ? '' : `; ${seen.note}`}`
      if (seen.phase !== said) terminal.note(line)
      said = seen.phase
      terminal.progress(line)
      await clock.sleep(LOOK_EVERY_MS, signal)
      seen = await persistently(context, () => operations.get(id, callOptions(context)))
    }
  } catch (error) {
    terminal.note(`the takeover goes on by itself; watch it: meridian ops show ${id}`)
    throw error
  }
  terminal.show(
    () => ({ operation: operationJson(seen) }),
    () => operationPage(seen, context.now().getTime(), terminal.layout),
  )
  terminal.note(`${region} may own nothing, whatever comes back of it, until: meridian region return ${region}`)
  if (seen.phase !== 'done' || seen.left > 0) context.exitWith(ERROR_TABLE.LINK_LEAK.exit)
}
