import { expect, test } from 'vitest'
import { startEtcd } from './index.ts'

test('one member keeps its data over SIGKILL and a start', async () => {
  await using etcd = await startEtcd()
  const [member] = etcd.members
  if (!member) throw new Error('no member')
  await etcd.etcdctl(['put', 'k', 'v'])
  const { pid } = member
  await member.kill()
  await expect(etcd.etcdctl(['get', 'k', '--command-timeout=300ms'])).rejects.toThrow('etcdctl get k')
  await member.start()
  expect(member.pid).not.toBe(pid)
  expect(await etcd.etcdctl(['get', 'k', '--print-value-only'])).toBe('v\n')
  await member.stop()
  await member.start()
  expect(await etcd.etcdctl(['get', 'k', '--print-value-only'])).toBe('v\n')
  expect(member.logs()).toContain('exited with SIGKILL')
})

test('three members: a minority may die or hang, a majority may not', async () => {
  await using etcd = await startEtcd({ members: 3 })
  const [a, b, c] = etcd.members
  if (!a || !b || !c) throw new Error('three members expected')
  await a.kill()
  await b.start()
  await etcd.etcdctl(['put', 'k', 'one dead'])
  b.pause()
  await expect(etcd.etcdctl(['put', 'k', 'no quorum', '--command-timeout=500ms'])).rejects.toThrow('etcdctl put')
  b.resume()
  await a.start()
  await etcd.ready()
  await etcd.etcdctl(['put', 'k', 'healed'])
  await Promise.all([a, b, c].map((member) => member.kill()))
  await Promise.all([a, b, c].map((member) => member.start()))
  expect(await etcd.etcdctl(['get', 'k', '--print-value-only'])).toBe('healed\n')
})

test('a member that cannot start fails at once and says why', async () => {
  await expect(startEtcd({ extraArgs: ['--no-such-flag'] })).rejects.toThrow(/exited with code[\s\S]*no-such-flag/)
})
