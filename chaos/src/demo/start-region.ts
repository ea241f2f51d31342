import type { World } from '@meridian/lab'

/** Members of etcd wait for each other, servers for etcd, nodes for servers. */
const ORDER: readonly RegExp[] = [/\/etcd-/, /\/nats$/, /-s\d+$/, /-n\d+$/]

/** Starts all processes of a region that was killed, and resolves when each says that it is ready. */
export async function startRegion(world: World, region: string): Promise<void> {
  const names = world
    .processes()
    .filter((process) => process.region === region)
    .map(({ name }) => name)
  for (const kind of ORDER) {
    await Promise.all(names.filter((name) => kind.test(name)).map((name) => world.restart(name)))
  }
  const forgotten = names.filter((name) => !ORDER.some((kind) => kind.test(name)))
  if (forgotten.length > 0) throw new Error(`assertion: ${forgotten.join(', ')} are of no kind that is started`)
}
