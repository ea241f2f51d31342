import type { Row } from '@meridian/client'
import { formatKey } from '@meridian/topology'
import { printableBytes, utf8Of } from '../printable.ts'

/** `value` is null when the bytes are no UTF-8; `valueBase64` is always there. */
export function valueJson(value: Uint8Array): { value: string | null; valueBase64: string } {
  return {
    value: utf8Of(value) ?? null,
    valueBase64: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
  }
}

export function rowJson(row: Row) {
  return { key: formatKey(row.key), ...valueJson(row.value), index: row.index }
}

/** Key, tab, value: neither can hold a tab itself. */
export function rowLine(row: Row): string {
  return `${formatKey(row.key)}\t${printableBytes(row.value)}`
}
