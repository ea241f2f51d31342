import { counted } from '@meridian/topology'
import type { Command } from 'commander'
import { withExamples } from '../command-help.ts'
import { connect } from '../connection.ts'
import { carriedOver, mapChanges } from '../map-changes.ts'
import { viewOf } from '../map-view.ts'
import { changeJson, changeLine } from '../print/map-changes.ts'
import { contextOf } from '../program.ts'
import type { CommandContext } from '../program.ts'

export function addWatch(program: Command): void {
  const command = program
    .command('watch')
    .summary('Changes of ownership and leaders as they come.')
    .description(
      'Follow the map and print each change of ownership and of leaders as it comes, until interrupted. With --json a ' +
        'document per line. A change that was undone between two looks is not seen.',
    )
    .action(async (_: object, self: Command) => watch(contextOf(self)))
  withExamples(command, 'meridian watch', 'meridian watch --region eu-west --json')
}

async function watch(context: CommandContext): Promise<void> {
  const { terminal, signal } = context
  await using connection = await connect(context, { need: 'map', follow: true })
  const { router } = connection.client
  if (connection.place.nats.length === 0) terminal.note('no NATS server is known: changes are seen late')
  let changed = Promise.withResolvers<void>()
  const wake = (): void => changed.resolve()
  const unsubscribe = router.subscribe(wake)
  signal.addEventListener('abort', wake, { once: true })
  try {
    let before = viewOf(router.map)
    terminal.note(
      `following ${counted(before.ranges.size, 'range')} and ${counted(before.shards.size, 'shard')} from ${connection.place.label}`,
    )
    for (;;) {
      await changed.promise
      signal.throwIfAborted()
      changed = Promise.withResolvers()
      const after = viewOf(router.map)
      const time = context.now().toISOString()
      for (const change of mapChanges(before, after)) {
        if (terminal.json) terminal.documentLine(changeJson(change, time))
        else terminal.print(`${time}  ${changeLine(change)}`)
      }
      before = carriedOver(before, after)
    }
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', wake)
  }
}
