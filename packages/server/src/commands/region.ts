import { join } from 'node:path'
import type { Command } from 'commander'
import { contextOf } from '@meridian/cli'
import { regionBinaries } from '../binaries.ts'
import { progressLine } from '../progress-line.ts'
import { HOME } from '../paths.ts'
import { aborted } from '@meridian/loop'

/** Below `meridian region`, which the client commands have added. */
export function addRegionCommands(program: Command): void {
  const region = program.commands.find((command) => command.name() === 'region')
  if (region === undefined) throw new Error('assertion: there is no command region to add to')
  region
    .command('render')
    .summary('write regions/<id>/ from topology.yaml')
    .description('Writes one folder per region from the topology: etcd environments, nats.conf, meridian.yaml.')
    .option('--topology <file>', 'the single source', join(HOME, 'regions/topology.yaml'))
    .option('--out <dir>', 'where the folders go', join(HOME, 'regions'))
    .option('--check', 'change nothing; end with 6 when a file differs from what would be rendered')
    .addHelpText('after', '\nExample:\n  meridian region render --check')
    .action(async (options: { topology: string; out: string; check?: boolean }, command: Command) => {
      const { checkRendered, loadTopology, render, warnings, writeRendered } = await import('@meridian/deploy')
      const topology = await loadTopology(options.topology)
      for (const warning of warnings(topology)) process.stderr.write(`warning: ${warning}\n`)
      const rendered = render(topology)
      if (options.check !== true) {
        await writeRendered(options.out, rendered)
        process.stdout.write(`${rendered.size} files in ${options.out}\n`)
        return
      }
      const { missing, differing, extra } = await checkRendered(options.out, rendered)
      for (const [what, files] of Object.entries({ missing, differing, extra })) {
        for (const file of files) process.stdout.write(`${what}: ${file}\n`)
      }
      if (missing.length + differing.length + extra.length > 0) {
        process.stderr.write('not as rendered; run: meridian region render\n')
        // Findings are the check's result, not an error of the command.
        contextOf(command).exitWith(6)
      } else process.stdout.write(`${rendered.size} files are as rendered\n`)
    })
  region
    .command('up')
    .summary('run what one region runs, from its folder')
    .description("Runs a region's etcd members, NATS, servers and nodes on this machine until it is asked to stop.")
    .argument('<id>', 'the region')
    .option('--regions <dir>', 'folder with the rendered folders', join(HOME, 'regions'))
    .addHelpText(
      'after',
      '\nData goes to --data, else to .meridian/regions/<id> of the checkout.\n\nExample:\n  meridian region up us-east --data /var/lib/meridian',
    )
    .action(async (id: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<{ regions: string; data?: string }>()
      const { signal } = contextOf(command)
      const { regionUp } = await import('@meridian/deploy')
      const started = performance.now()
      const say = (text: string) =>
        process.stdout.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${text}\n`)
      const running = await regionUp({
        regionsDir: options.regions,
        region: id,
        dataDir: options.data ?? join(HOME, '.meridian/regions', id),
        binaries: regionBinaries(),
        signal,
        onProgress: (progress) => {
          const line = progressLine(progress)
          if (line !== undefined) say(line)
        },
      })
      say(`region ${id} is up; Ctrl-C stops it`)
      await aborted(signal)
      say('stopping')
      await running.stop()
      say('stopped')
    })
}
