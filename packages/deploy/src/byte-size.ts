const UNIT_BYTES = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const
const SIZE = /^([0-9]{1,9})(B|KiB|MiB|GiB)$/

/** Bytes of `512MiB`, `2GiB`, `64KiB`, `100B`; undefined for anything else, a bare number included. */
export function parseByteSize(text: string): number | undefined {
  const match = SIZE.exec(text)
  return match === null ? undefined : Number(match[1]) * UNIT_BYTES[match[2] as keyof typeof UNIT_BYTES]
}
