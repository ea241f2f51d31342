import { PLACEMENT_DEFAULTS } from '@meridian/tax'
import type { Objective } from '@meridian/tax'
import { z } from 'zod'
import { durationField, regionIdField } from './config-fields.ts'
import { formatDuration } from './duration.ts'

/** Where the leader of G belongs and when it is worth a move. All servers of a world must agree: any may be the placer. */
export interface LeaderSettings {
  readonly objective: Objective
  /** Share of the leader's cost that a move by cost has to save, and ms that it has to save at least. */
  readonly hysteresisShare: number
  readonly hysteresisMs: number
  /** For how long a saving has to last. */
  readonly holdMs: number
  /** Rest after a move. */
  readonly cooldownMs: number
}

/** A tenth of a percent is noise, and nine tenths are saved by no place. */
const SHARE_MIN = 0.01
const SHARE_MAX = 0.9
/** The placer looks every two seconds: a shorter hold would be one look. */
const HOLD_MS_MIN = 4000
const COOLDOWN_MS_MAX = 86_400_000

const fields = z.strictObject({
  objective: z.enum(['mean', 'worst', 'fixed'], { error: 'must be mean, worst or fixed' }).default('mean'),
  region: regionIdField.optional(),
  hysteresisShare: z.number().min(SHARE_MIN).max(SHARE_MAX).default(PLACEMENT_DEFAULTS.hysteresisShare),
  hysteresis: durationField.default(PLACEMENT_DEFAULTS.hysteresisMs),
  hold: durationField.default(PLACEMENT_DEFAULTS.holdMs),
  cooldown: durationField.default(PLACEMENT_DEFAULTS.cooldownMs),
})

/** `objective`, with `region` for a fixed one; `hysteresisShare`, `hysteresis`, `hold`, `cooldown`. */
export const leaderField = fields.transform((given, context): LeaderSettings => {
  const { objective, region, hysteresisShare, hysteresis, hold, cooldown } = given
  const refuse = (key: string, message: string) =>
    context.issues.push({ code: 'custom', message, path: [key], input: given })
  if (objective === 'fixed' && region === undefined) refuse('objective', 'fixed needs the region: "region: <id>"')
  if (objective !== 'fixed' && region !== undefined) refuse('region', `only with "objective: fixed", not ${objective}`)
  if (hold < HOLD_MS_MIN) {
    refuse(
      'hold',
      `${formatDuration(hold)} is less than two looks of the placer: at least ${formatDuration(HOLD_MS_MIN)}`,
    )
  }
  if (cooldown < hold) {
    refuse(
      'cooldown',
      `${formatDuration(cooldown)} is less than the hold of ${formatDuration(hold)}: the leader would travel`,
    )
  }
  if (cooldown > COOLDOWN_MS_MAX) {
    refuse('cooldown', `${formatDuration(cooldown)} is more than ${formatDuration(COOLDOWN_MS_MAX)}`)
  }
  return {
    objective: objective === 'fixed' ? { kind: objective, region: region ?? '' } : { kind: objective },
    hysteresisShare,
    hysteresisMs: hysteresis,
    holdMs: hold,
    cooldownMs: cooldown,
  }
})

export const DEFAULT_LEADER_SETTINGS: LeaderSettings = leaderField.parse({})

/** As `leaderField` reads it. */
export function leaderYaml({ objective, hysteresisShare, hysteresisMs, holdMs, cooldownMs }: LeaderSettings): object {
  return {
    objective: objective.kind,
    ...(objective.kind === 'fixed' ? { region: objective.region } : {}),
    hysteresisShare,
    hysteresis: formatDuration(hysteresisMs),
    hold: formatDuration(holdMs),
    cooldown: formatDuration(cooldownMs),
  }
}

/** Why the leader cannot be placed as asked among these voters. */
export function leaderComplaint(region: string, voters: readonly string[]): string | undefined {
  if (voters.includes(region)) return undefined
  return `${region} has no voter of G, so it can never lead; there are voters in: ${voters.join(', ')}`
}
