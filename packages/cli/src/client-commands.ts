import type { Command } from 'commander'
import { addErrors } from './commands/errors.ts'
import { addGet } from './commands/get.ts'
import { addKeyspace } from './commands/keyspace.ts'
import { addLeader } from './commands/leader.ts'
import { addNode } from './commands/node.ts'
import { addOps } from './commands/ops.ts'
import { addQuarantine } from './commands/quarantine.ts'
import { addRange } from './commands/range.ts'
import { addRegion } from './commands/region.ts'
import { addRoute } from './commands/route.ts'
import { addRtt } from './commands/rtt.ts'
import { addScan } from './commands/scan.ts'
import { addShard } from './commands/shard.ts'
import { addStatus } from './commands/status.ts'
import { addTax } from './commands/tax.ts'
import { addWatch } from './commands/watch.ts'
import { addDelete, addPut } from './commands/write.ts'

/** Adds the commands that talk to a running Meridian. */
export function addClientCommands(program: Command): void {
  program.commandsGroup('Talk to a running world:')
  addStatus(program)
  addKeyspace(program)
  addRange(program)
  addShard(program)
  addOps(program)
  addRegion(program)
  addNode(program)
  addQuarantine(program)
  addRoute(program)
  addGet(program)
  addPut(program)
  addDelete(program)
  addScan(program)
  addWatch(program)
  addRtt(program)
  addTax(program)
  addLeader(program)
  addErrors(program)
  // What others add is headed by them.
  program.commandsGroup('Commands:')
}
