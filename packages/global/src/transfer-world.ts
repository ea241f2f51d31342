import { LoopScope, silentLogger } from '@meridian/loop'
import { ManualClock } from '@meridian/loop/testing'
import { MemoryCluster } from '@meridian/store/memory'
import { EMPTY_KEY, operationId, regionId } from '@meridian/topology'
import type { OperationId, RangeDescriptor, RegionId } from '@meridian/topology'
import { campaign } from '@meridian/store'
import type { TransferEntry } from './journal.ts'
import { registerRegion } from './region-registry.ts'
import { TransferDriver } from './transfer-driver.ts'
import { TransferRig } from './transfer-rig.ts'
import type { RigManners } from './transfer-rig.ts'
import { Transfers } from './transfers.ts'
import { CITIES, EAST, nextOperation, openGlobalServer, WEST } from './world.ts'

export const SOUTH = regionId('ap-southeast')

/** For tests: one active range of three regions over a memory store, and servers that carry transfers on. */
export async function transferWorld(manners: RigManners = { hearMs: () => 20, nodeMs: () => 5 }) {
  const clock = new ManualClock()
  const cluster = new MemoryCluster({ clock })
  const stack = new AsyncDisposableStack()
  const ending = new AbortController()
  const first = stack.use(await openGlobalServer(cluster, 'a', undefined, { clock }))
  for (const region of [EAST, WEST, SOUTH]) {
    await registerRegion(first.store, { region, displayName: region, servers: [] })
  }
  await first.service.mutate(
    nextOperation(),
    { kind: 'create-keyspace', keyspace: CITIES, owner: EAST, standbys: [WEST] },
    first.signal,
  )
  await first.service.mutate(nextOperation(), { kind: 'activate', keyspace: CITIES, starts: [EMPTY_KEY] }, first.signal)
  await first.service.catchUp(first.signal)
  const range = (): RangeDescriptor => first.service.lookupLocal(CITIES, EMPTY_KEY)
  const rig = new TransferRig(range().rangeId, [EAST, WEST, SOUTH], clock, manners, ending.signal)
  let shown: RangeDescriptor | undefined
  const show = () => {
    if (shown === range()) return
    shown = range()
    rig.show(shown)
  }
  show()
  stack.defer(first.view.subscribe(show))
  const errors: unknown[] = []
  const wallMs = () => 1_800_000_000_000 + clock.nowMs()

  const serve = async (name: string, objection: (region: RegionId) => string | undefined = () => undefined) => {
    const server = name === 'a' ? first : stack.use(await openGlobalServer(cluster, name, undefined, { clock }))
    const { store, view, service: ownership } = server
    const log = silentLogger
    const driver = new TransferDriver({ store, view, ownership, ports: rig, objection, clock, wallMs, log })
    const scope = new LoopScope(log, (_, error) => errors.push(error))
    const stop = new AbortController()
    scope.start('driver', async (ended) => {
      const signal = AbortSignal.any([ended, stop.signal])
      while (!signal.aborted) {
        const options = { role: 'authority', value: name, ttlMs: 5000, clock, log, signal, random: () => 0.5 }
        const leadership = await campaign(store, options).catch((error: unknown) => {
          if (signal.aborted) return undefined
          throw error
        })
        if (leadership === undefined) return
        await driver.run(leadership, AbortSignal.any([signal, leadership.lost]))
        await leadership.resign()
      }
    })
    stack.defer(() => scope[Symbol.asyncDispose]())
    return { ...server, stop: () => scope[Symbol.asyncDispose]() }
  }
  const transfers = new Transfers({ store: first.store, view: first.view, ownership: first.service, wallMs })
  const begin = (target: RegionId, operation: OperationId = operationId('move-1')) =>
    transfers.begin({ operation, keyspace: CITIES, key: EMPTY_KEY, target, reason: 'test' }, first.signal)
  /** Milliseconds pass, with a write every five of them until `quiet`. */
  const pass = async (ms: number) => {
    for (let at = 0; at < ms; at += 5) {
      rig.tick()
      if (at % 50 === 0) rig.settle()
      await clock.advance(5)
    }
  }
  const entry = (operation = operationId('move-1')): TransferEntry => {
    const found = first.view.journal.get(operation)
    if (found?.kind !== 'transfer') throw new Error(`no transfer ${operation}`)
    return found
  }
  stack.defer(async () => {
    ending.abort(new Error('over'))
    if (errors.length > 0) throw new AggregateError(errors, 'loops failed')
  })
  return {
    first,
    serve,
    clock,
    cluster,
    rig,
    transfers,
    begin,
    pass,
    range,
    entry,
    wallMs,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
