/**
 * Names of the emulated WAN: `[label.]*<region>.wan.test`. The suffix is reserved for testing, so no resolver answers it
 * and a process that forgets its proxy fails instead of going around the links.
 */
export const WAN_SUFFIX = '.wan.test'

export interface WanName {
  readonly region: string
  /** What stands before the region, outermost first: `n1.eu-west.wan.test` has `['n1']`. */
  readonly labels: readonly string[]
}

/** An address of a region's listener as the other regions write it. */
export const wanHost = (region: string): string => `${region}${WAN_SUFFIX}`

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/** Undefined for whatever is not a name of the emulated WAN: addresses, other domains, malformed labels. */
export function parseWanName(host: string): WanName | undefined {
  const name = host.toLowerCase().replace(/\.$/, '')
  if (name.length > 253 || !name.endsWith(WAN_SUFFIX)) return undefined
  const labels = name.slice(0, -WAN_SUFFIX.length).split('.')
  const region = labels.pop()
  if (region === undefined || ![...labels, region].every((label) => LABEL.test(label))) return undefined
  return { region, labels }
}

/** A port in decimal without sign or leading zero; undefined for anything else. */
export function parsePort(text: string): number | undefined {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) return undefined
  const port = Number(text)
  return port <= 65_535 ? port : undefined
}
