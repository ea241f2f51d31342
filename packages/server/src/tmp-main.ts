import { Command } from 'commander'
import net from 'node:net'
import { addServerCommand } from './commands/server.ts'
import { addRegionCommands } from './commands/region.ts'
import { loadProcessConfig } from '@meridian/deploy'
const program = new Command('meridian')
addServerCommand(program); addRegionCommands(program)
program.command('node').option('--config <c>').option('--id <id>').option('--data <d>').action(async (o) => { const c = await loadProcessConfig(o.config); const p = c.nodes.find(n => n.id === o.id); const [h, port] = p.listen.split(':'); net.createServer().listen(Number(port), h) })
await program.parseAsync(process.argv)
