/**
 * Text from servers, files and stored values must not steer a terminal: control, format, private and unassigned
 * characters are spelled out. Everything that is printed goes through here, through `formatKey` or through `jsonText`.
 */
const INVISIBLE = /[\p{C}\u2028\u2029]/gu

/** One line of text, with every invisible character as `\u{hex}`. */
export function printable(text: string): string {
  return text.replace(INVISIBLE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}

/** Lines stay lines, the later ones indented, so that text from afar cannot pass for a line of ours. */
export function printableLines(text: string): string {
  return text.split(/\r?\n/).map(printable).join('\n  ')
}

/** UTF-8 as text, anything else as printable ASCII with `\xNN` for the other bytes. */
export function printableBytes(bytes: Uint8Array): string {
  const text = utf8Of(bytes)
  if (text !== undefined) return printable(text)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** Undefined when the bytes are no UTF-8. */
export function utf8Of(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
