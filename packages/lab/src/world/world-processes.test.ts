import { fileURLToPath } from 'node:url'

import { loadRegionFolder } from '@meridian/deploy'
import { expect, test } from 'vitest'

import { worldProcesses } from './world-processes.ts'

const folder = await loadRegionFolder(fileURLToPath(new URL('../../../../regions/us-east', import.meta.url)))
const processes = worldProcesses({
  region: 'us-east',
  folder,
  stateDir: '/data/state/us-east',
  binaries: { etcd: 'etcd', natsServer: 'nats-server', node: 'node', main: 'main.ts' },
  lab: { goEnv: (region) => ({ HTTP_PROXY: region }), grpcEnv: (region) => ({ grpc_proxy: region }) },
  nodeExit: 'leave-dead',
})

test('names, kinds and the order in which they are stopped', () => {
  expect(processes.map(({ spec, kind, stopRank }) => [spec.name, kind, stopRank])).toEqual([
    ['us-east/etcd-global', 'etcd', 4],
    ['us-east/etcd-1', 'etcd', 3],
    ['us-east/nats', 'nats', 2],
    ['us-east/us-east-s1', 'server', 1],
    ['us-east/us-east-n1', 'node', 0],
    ['us-east/us-east-n2', 'node', 0],
    ['us-east/us-east-n3', 'node', 0],
  ])
})

test('each is led over the links in the way that it understands', () => {
  const proxies = processes.map(({ kind, spec }) => [kind, spec.env['HTTP_PROXY'], spec.env['grpc_proxy']])
  expect(new Map(proxies.map(([kind, ...rest]) => [kind, rest]))).toEqual(
    new Map([
      ['etcd', ['us-east', undefined]],
      ['nats', [undefined, undefined]],
      ['server', [undefined, 'us-east']],
      ['node', [undefined, 'us-east']],
    ]),
  )
})

test('the policy for exits is for nodes alone', () => {
  const left = processes.filter(({ spec }) => spec.onExit === 'leave-dead')
  expect(left.map(({ kind }) => kind)).toEqual(['node', 'node', 'node'])
})
