import { MeridianClient } from '@meridian/client'
import { openNatsBus } from '@meridian/feed/nats'
import { silentLogger } from '@meridian/loop'
import { keyspaceName, operationId, regionId, keyOfText } from '@meridian/topology'
import { loadProcessConfig } from '@meridian/deploy'
const c = await loadProcessConfig(new URL('../../../regions/us-east/meridian.yaml', import.meta.url).pathname)
const bus = await openNatsBus({ servers: c.nats.servers, name: 't', log: silentLogger })
const client = new MeridianClient({ servers: c.servers.map(s => s.advertise), bus })
console.log(await client.control.status())
await client.synced(AbortSignal.timeout(10000))
console.log([...client.router.map.global.regions.keys()], client.router.reports())
const op = (s: string) => operationId(s + Date.now())
let t = performance.now()
const ks = keyspaceName('k' + (Date.now() % 1000000))
console.log(await client.control.createKeyspace(op('c'), ks, regionId('us-east'), [regionId('eu-west')]), performance.now() - t)
t = performance.now()
console.log(await client.control.split(op('s'), ks, ['b', 'c'].map(keyOfText)), performance.now() - t)
await client.control.assign(op('a'), ks, [{ start: keyOfText('b'), owner: regionId('eu-west'), standbys: [] }])
console.log((await client.control.list(ks, false)).ranges.map(r => [r.start, r.owner, r.generation]))
console.log((await client.control.lookup(ks, keyOfText('bzz'), true)))
try { console.log(await client.control.open(op('o'), ks, [{ start: keyOfText('b'), shardBounds: [keyOfText('b5')] }])) } catch (e) { console.log(e) }
console.log(client.router.route(ks, keyOfText('bzz')))
await client[Symbol.asyncDispose](); await bus[Symbol.asyncDispose]()
