import { join } from 'node:path'
import { Option } from 'commander'
import type { Command } from 'commander'
import { contextOf } from '@meridian/cli'
import { MeridianError } from '@meridian/topology'
import { HOME } from '../paths.ts'

interface PlanOptions {
  readonly voters?: readonly string[]
  readonly best?: number
  readonly matrix?: string
  readonly clients?: ReadonlyMap<string, number>
  readonly objective: 'mean' | 'worst'
}

/** Below `meridian tax`, which the client commands have added. */
export function addTaxPlanCommand(program: Command): void {
  const tax = program.commands.find((command) => command.name() === 'tax')
  if (tax === undefined) throw new Error('assertion: there is no command tax to add plan to')
  tax
    .command('plan')
    .summary('what a set of voters would cost; nothing has to run')
    .description(
      'What commits of the global tier would cost at least with these voters, for every leader and with each voter ' +
        'down: a computation over round trips, of the AWS regions or of your own.',
    )
    .option('--voters <region,...>', 'these regions vote', names)
    .option('--best <n>', 'instead: the best sets of so many voters', wholeNumber)
    .option('--matrix <file>', 'round trips: YAML as regions/wan/aws.yaml, the default; else CSV')
    .option('--clients <region=weight,...>', 'how the demand is spread; evenly by default', weights)
    .addOption(new Option('--objective <kind>', 'the best is best at this').choices(['mean', 'worst']).default('mean'))
    .addHelpText(
      'after',
      '\nExamples:\n  meridian tax plan --voters us-east,eu-west,us-west --clients us-east=3' +
        '\n  meridian tax plan --best 3 --objective worst --matrix rtts.csv',
    )
    .action(async (options: PlanOptions, command: Command) => {
      const { voters, best } = options
      if ((voters === undefined) === (best === undefined)) {
        throw new MeridianError('INVALID_ARGUMENT', 'name --voters, or ask for the --best of a size: one of the two')
      }
      const { terminal } = contextOf(command)
      const { planOf, planJson, planLines } = await import('../tax-plan.ts')
      const plans = await planOf({
        ...options,
        matrix: options.matrix ?? join(HOME, 'regions/wan/aws.yaml'),
        clients: options.clients ?? new Map(),
      })
      terminal.show(
        () => planJson(plans, options.objective),
        () => planLines(plans, options.objective, terminal.layout),
      )
    })
}

function names(text: string): readonly string[] {
  return text.split(',').map((name) => name.trim())
}

function wholeNumber(text: string): number {
  if (/^[1-9][0-9]?$/.test(text)) return Number(text)
  throw new MeridianError('INVALID_ARGUMENT', `${JSON.stringify(text)} is no number of voters`)
}

function weights(text: string): ReadonlyMap<string, number> {
  return new Map(
    names(text).map((pair) => {
      const [region = '', weight = '', ...more] = pair.split('=')
      if (region === '' || more.length > 0 || !/^[0-9]+(\.[0-9]+)?$/.test(weight)) {
        throw new MeridianError('INVALID_ARGUMENT', `${JSON.stringify(pair)} is no demand: write REGION=WEIGHT`)
      }
      return [region, Number(weight)] as const
    }),
  )
}
