import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { recordedProgram, recordedRun } from './recorded-run.ts'

function pathsOf(command: Command, path: readonly string[] = []): string[][] {
  const below = command.commands.flatMap((each) => pathsOf(each, [...path, each.name()]))
  return [[...path], ...below]
}

const paths = pathsOf(recordedProgram().program)

test('the commands are these', () => {
  expect(
    paths
      .map((path) => path.join(' '))
      .filter(Boolean)
      .toSorted(),
  ).toEqual([
    'delete',
    'errors',
    'get',
    'keyspace',
    'keyspace create',
    'keyspace list',
    'leader',
    'leader explain',
    'leader prefer',
    'node',
    'node decommission',
    'node drain',
    'node undrain',
    'ops',
    'ops abort',
    'ops list',
    'ops show',
    'put',
    'quarantine',
    'quarantine drop',
    'quarantine list',
    'range',
    'range assign',
    'range list',
    'range lookup',
    'range merge',
    'range open',
    'range policy',
    'range split',
    'range standbys',
    'range transfer',
    'region',
    'region evacuate',
    'region failover',
    'region list',
    'region return',
    'route',
    'rtt',
    'scan',
    'shard',
    'shard hand-over',
    'shard list',
    'shard move',
    'shard moves',
    'status',
    'tax',
    'watch',
  ])
})

test.each(paths.map((path) => [path.join(' '), path] as const))(
  'the help of "%s" has an example of it and fits 80 columns',
  async (name, path) => {
    const { exit, stdout } = await recordedRun([...path, '--help'])
    expect(exit).toBe(0)
    const examples = stdout.slice(stdout.search(/^Examples?:$/m))
    expect(examples).toContain(`\n  meridian ${name}`)
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80)
  },
)
