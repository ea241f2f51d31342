import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { credentials, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { StatusServiceDefinition } from '@meridian/protocol'
import { silentLogger } from '@meridian/loop'
import { MeridianError } from '@meridian/topology'
import { expect, it } from 'vitest'
import { implement, serve } from './index.ts'

// What tools of others rely on, called as they call it: from the proto files of the standard services.

const { resolve } = createRequire(import.meta.url)

/** A client of the service with that full name in that proto file, with grpc-js's own untyped methods. */
// oxlint-disable-next-line typescript/no-explicit-any
function foreignClient(file: string, name: string, address: string): any {
  const loaded: unknown = loadPackageDefinition(loadSync(file, { keepCase: true }))
  // oxlint-disable-next-line typescript/no-explicit-any
  const Service = name.split('.').reduce<any>((at, part) => at[part], loaded)
  return new Service(address, credentials.createInsecure())
}

async function world() {
  return serve({
    listen: '127.0.0.1:0',
    log: silentLogger,
    drainMs: 100,
    protoDir: new URL('../../../proto', import.meta.url).pathname,
    services: [
      implement(StatusServiceDefinition, {
        getStatus: () => Promise.reject(new MeridianError('UNAVAILABLE', 'starting')),
      }),
    ],
  })
}

it('answers the standard health service, as ready as it was told to be', async () => {
  await using server = await world()
  const file = join(dirname(resolve('grpc-health-check/package.json')), 'proto/health/v1/health.proto')
  const health = foreignClient(file, 'grpc.health.v1.Health', server.address)
  const check = (service: string) =>
    new Promise((done, failed) => {
      health.Check({ service }, (error: Error | null, answer?: { status: string | number }) =>
        error === null ? done(answer?.status) : failed(error),
      )
    })
  const [serving, notServing] = [1, 2]
  expect(await check('')).toBe(serving)
  server.setServing(false)
  expect(await check('meridian.control.v1.StatusService')).toBe(notServing)
  server.setServing(true)
  expect(await check('meridian.control.v1.StatusService')).toBe(serving)
  await expect(check('nobody')).rejects.toMatchObject({ code: 5 })
  health.close()
})

it('answers reflection with the services it has, and no others', async () => {
  await using server = await world()
  const file = join(
    dirname(resolve('@grpc/reflection/package.json')),
    'build/proto/grpc/reflection/v1/reflection.proto',
  )
  const reflection = foreignClient(file, 'grpc.reflection.v1.ServerReflection', server.address)
  const call = reflection.ServerReflectionInfo()
  call.write({ list_services: '' })
  const [answer] = await once(call, 'data')
  const names = answer.list_services_response.service.map((service: { name: string }) => service.name)
  expect(names).toContain('meridian.control.v1.StatusService')
  expect(names).not.toContain('meridian.data.v1.DataService')
  call.end()
  reflection.close()
})
