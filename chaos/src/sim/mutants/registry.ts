import { MeridianError } from '@meridian/topology'
import { LEASE_MUTANTS } from './lease-mutants.ts'
import { MOVE_MUTANTS } from './move-mutants.ts'
import type { Mutant } from './mutant.ts'
import { REGION_MUTANTS } from './region-mutants.ts'
import { REPLICA_MUTANTS } from './replica-mutants.ts'
import { TIER_MUTANTS } from './tier-mutants.ts'

/** Every mistake that the checkers of a simulated world have to notice. */
export const MUTANTS: readonly Mutant[] = [
  ...LEASE_MUTANTS,
  ...REGION_MUTANTS,
  ...REPLICA_MUTANTS,
  ...MOVE_MUTANTS,
  ...TIER_MUTANTS,
]

/** @throws MeridianError INVALID_ARGUMENT */
export function mutantNamed(name: string): Mutant {
  const found = MUTANTS.find((mutant) => mutant.name === name)
  if (found === undefined) throw new MeridianError('INVALID_ARGUMENT', `there is no mutant ${name}`)
  return found
}
