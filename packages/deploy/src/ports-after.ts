import { setTimeout as delay } from 'node:timers/promises'
import { isMeridianError } from '@meridian/topology'
import { checkPorts } from './port-check.ts'
import type { PortUse } from './ports.ts'

/** How long the ports of a killed predecessor are waited for: its reaper ends its children in less, ms. */
const TAKEOVER_TIMEOUT_MS = 5_000
const TAKEOVER_POLL_MS = 200

/**
 * As `checkPorts`, and patient with what a killed holder of the folder leaves behind for a moment.
 *
 * @param predecessor its process id, undefined when there was none
 */
export async function checkPortsAfter(
  predecessor: number | undefined,
  uses: readonly PortUse[],
  note: (text: string) => void,
): Promise<void> {
  if (predecessor !== undefined)
    note(`process ${predecessor} held the folder and is gone; waiting for what it ran to end`)
  for (let waitedMs = 0; ; waitedMs += TAKEOVER_POLL_MS) {
    try {
      await checkPorts(uses)
      return
    } catch (error) {
      if (predecessor === undefined || waitedMs >= TAKEOVER_TIMEOUT_MS || !isMeridianError(error, 'PORT_IN_USE'))
        throw error
      await delay(TAKEOVER_POLL_MS)
    }
  }
}
