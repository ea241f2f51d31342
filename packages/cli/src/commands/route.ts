import type { Command } from 'commander'
import type { MeridianClient } from '@meridian/client'
import { MeridianError } from '@meridian/topology'
import type { ErrorCode } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connect } from '../connection.ts'
import { formatKeyPath, parseKeyPath } from '../key-path.ts'
import type { KeyPath } from '../key-path.ts'
import { routeJson, routeLines } from '../print/route.ts'
import { contextOf } from '../program.ts'

/** Lookups whose mean is told. */
const LOOKUPS = 1000

type NoRoute = Extract<ReturnType<MeridianClient['router']['route']>, { ok: false }>

export function addRoute(program: Command): void {
  const command = program
    .command('route')
    .summary('What the router answers for a key.')
    .description('What the router answers for a key, from memory: region, range, shard, leader, token.')
    .argument('<keyspace/key>', 'the key', parseKeyPath)
    .action(async (path: KeyPath, _: object, self: Command) => {
      const context = contextOf(self)
      const { clock, terminal } = context
      await using connection = await connect(context, { need: 'map' })
      const { router } = connection.client
      const beganMs = clock.nowMs()
      const result = router.route(path.keyspace, path.key)
      const firstMs = clock.nowMs() - beganMs
      if (!result.ok) throw refusal(path, result)
      const againMs = clock.nowMs()
      for (let lookup = 0; lookup < LOOKUPS; lookup += 1) router.route(path.keyspace, path.key)
      const time = { firstMs, meanMs: (clock.nowMs() - againMs) / LOOKUPS, lookups: LOOKUPS }
      terminal.show(
        () => routeJson(path, result.route, time),
        () => routeLines(path, result.route, time),
      )
    })
  withExamples(command, 'meridian route cities/FR/2988507', 'meridian route cities/FR/2988507 --region ap-southeast')
}

function refusal(path: KeyPath, { reason, region }: NoRoute): MeridianError {
  const [code, text] = REFUSALS[reason]
  const owner = region === undefined ? '' : ` (owner ${region})`
  return new MeridianError(code, `${formatKeyPath(path)}: ${text}${owner}`)
}

const REFUSALS: Readonly<Record<NoRoute['reason'], readonly [ErrorCode, string]>> = {
  'keyspace-unknown': ['KEYSPACE_UNKNOWN', 'the map has no such keyspace'],
  vacant: ['RANGE_NOT_ACTIVE', 'its range was not opened'],
  'in-transition': ['NO_ROUTE', 'its range is in transition: the shards of its generation are not known yet'],
  leaderless: ['NO_ROUTE', 'its shard has no leader that can be reached now'],
}
