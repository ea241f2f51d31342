import { addClientCommands, createProgram, runProgram } from '@meridian/cli'
import { addBenchCommands } from './commands/bench.ts'
import { addDemoCommand } from './commands/demo.ts'
import { addNodeCommand } from './commands/node.ts'
import { addRegionCommands } from './commands/region.ts'
import { addServerCommand } from './commands/server.ts'
import { addTaxPlanCommand } from './commands/tax-plan.ts'
import { addUpCommand } from './commands/up.ts'
import { version } from './version.ts'

const program = createProgram({ version: version() })
addUpCommand(program)
addDemoCommand(program)
addBenchCommands(program)
addRegionCommands(program)
addClientCommands(program)
addTaxPlanCommand(program)
addServerCommand(program)
addNodeCommand(program)
process.exitCode = await runProgram(program, process.argv.slice(2))
