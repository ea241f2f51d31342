import { addClientCommands, createProgram, runProgram } from '@meridian/cli'
import { addBenchCommands } from './commands/bench.ts'
import { addDemoCommand } from './commands/demo.ts'
import { addNodeCommand } from './commands/node.ts'
import { addRegionCommands } from './commands/region.ts'
import { addServerCommand } from './commands/server.ts'
import { addSimCommand } from './commands/sim.ts'
import { addTaxPlanCommand } from './commands/tax-plan.ts'
import { addUpCommand } from './commands/up.ts'
import { version } from './version.ts'

const program = createProgram({ version: version() })
addUpCommand(program)
addDemoCommand(program)
addBenchCommands(program)
addSimCommand(program)
addClientCommands(program)
addRegionCommands(program)
addTaxPlanCommand(program)
addServerCommand(program)
addNodeCommand(program)
program.addHelpText(
  'after',
  [
    '',
    'The launcher ./meridian has these beside:',
    '  test     everything that has to hold before a commit',
    '  model    the Spin models and their mutants',
    '  doctor   every component with version and origin; --fix obtains what is missing',
    '  cache    where tools are kept; cache clear removes them',
  ].join('\n'),
)
process.exitCode = await runProgram(program, process.argv.slice(2))
