/** How often which life of a node has renewed, as text. */
export interface CountText {
  readonly nodeEpoch: string
  readonly counter: string
}

/** Reads the region's record of renewals by itself, so that a mistake in its codec is not repeated here. */
export function renewalsIn(value: Uint8Array): ReadonlyMap<string, CountText> {
  const { nodes } = JSON.parse(Buffer.from(value).toString()) as { nodes: readonly [string, string, string][] }
  return new Map(nodes.map(([node, nodeEpoch, counter]) => [node, { nodeEpoch, counter }]))
}
