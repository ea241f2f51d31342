import type { StandstillServiceDefinition } from '@meridian/protocol'
import type { HandlersOf } from '@meridian/rpc'
import { MeridianError } from '@meridian/topology'
import type { OperationParts } from './operation-parts.ts'
import { knownRegion } from './request-checks.ts'

type StandstillParts = Pick<OperationParts, 'region' | 'globalView' | 'promises'>

export function standstillHandlers(parts: () => StandstillParts): HandlersOf<typeof StandstillServiceDefinition> {
  return {
    standStill: async (request, call) => {
      const server = parts()
      const holder = knownRegion(server, request.region)
      const { promises, region } = server
      if (promises === undefined) {
        throw new MeridianError('UNAVAILABLE', `${region} promises nothing: its configuration has "standstill: false"`)
      }
      const { promiseMs, members } = await promises.promise(holder, call.signal)
      return { promiseMs, members: [...members] }
    },
  }
}
