import type { LeaderExplanation } from '@meridian/global'
import type {
  ExplainLeaderResponse,
  ProbeServiceDefinition,
  Rtt,
  TaxRow as WireTaxRow,
  TaxServiceDefinition,
} from '@meridian/protocol'
import type { HandlersOf } from '@meridian/rpc'
import type { RttRow, TaxRow } from '@meridian/tax'
import { MeridianError, regionId } from '@meridian/topology'
import type { Parts } from './parts.ts'

export function probeHandlers(parts: Parts): HandlersOf<typeof ProbeServiceDefinition> {
  return {
    probe: () => {
      const { region, tax } = parts()
      return Promise.resolve({ region, receivedUs: tax.wallUs() })
    },
  }
}

export function taxHandlers(parts: Parts): HandlersOf<typeof TaxServiceDefinition> {
  return {
    getRtt: () => Promise.resolve({ rtts: parts().tax.rtts().map(toWireRtt) }),

    getTax: () => Promise.resolve({ rows: parts().tax.rows().map(toWireTaxRow) }),

    explainLeader: async (_, call) => {
      const { tax, server } = parts()
      const explanation = tax.explanation()
      return explanation === undefined ? tax.askPlacer(call.signal) : toWireExplanation(explanation, server)
    },

    preferLeader: async (request, call) => {
      const { tax } = parts()
      const region = request.region === '' ? undefined : regionId(request.region)
      if (region !== undefined) {
        // A preference for a place without a voter would stand for ever and be obeyed never.
        const voters = await tax.voterRegions(call.signal)
        if (!voters.includes(region)) {
          throw new MeridianError(
            'REGION_UNKNOWN',
            `no voter of the global tier is in ${region}; there is one in: ${voters.join(', ') || 'none known'}`,
          )
        }
      }
      await tax.prefer(region, call.signal)
      return { preferred: region ?? '' }
    },
  }
}

function toWireRtt({ ageMs, ...row }: RttRow): Rtt {
  return { ...row, ageMs: BigInt(Math.round(ageMs)) }
}

/** What is not known goes as 0, which no distance between two places and no ratio is. */
function toWireTaxRow({ count, floorMs = 0, ratioP50 = 0, ...row }: TaxRow): WireTaxRow {
  return { ...row, count: BigInt(count), floorMs, ratioP50 }
}

function toWireExplanation(explanation: LeaderExplanation, placer: string): ExplainLeaderResponse {
  const { objective, leader = '', preferred = '', decision, reason, decidedMs, placement, surplusMs } = explanation
  return {
    objective: objective.kind === 'fixed' ? `fixed ${objective.region}` : objective.kind,
    leader,
    placer,
    candidates: explanation.candidates.map(({ region, costMs, quorumMs = 0, obstacle, clients }) => ({
      region,
      ...(costMs === undefined ? {} : { costMs }),
      quorumMs,
      obstacle,
      clients: clients.map(({ floorMs = 0, ...client }) => ({ ...client, floorMs })),
    })),
    decision,
    reason,
    decidedMs: BigInt(Math.round(decidedMs)),
    preferred,
    ...(surplusMs === undefined ? {} : { surplusMs }),
    settings: {
      hysteresisShare: placement.hysteresisShare,
      hysteresisMs: BigInt(placement.hysteresisMs),
      holdMs: BigInt(placement.holdMs),
      cooldownMs: BigInt(placement.cooldownMs),
    },
  }
}
