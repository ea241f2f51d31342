/** Milliseconds since the Unix epoch, as far as this machine knows. May stand still, jump and go back. */
export type PhysicalClock = { nowMs(): number }

export const systemPhysicalClock: PhysicalClock = { nowMs: () => Date.now() }
